export const clouds = ['aws', 'azure', 'gcp'] as const;
export type Cloud = (typeof clouds)[number];

/** @throws {TypeError} a folder of no cloud */
export function cloudOf(folder: string): Cloud {
  const cloud = clouds.find((name) => folder.split(/[/-]/).includes(name));
  if (cloud === undefined) throw new TypeError(`${folder} is of no cloud`);
  return cloud;
}

/** Whether a folder of `terraform/` is one of the three modules. */
export function isModule(folder: string): folder is Cloud {
  return (clouds as readonly string[]).includes(folder);
}
