import { relative } from 'node:path';

/** How this program was started, for commands that people copy: Node and script, from the folder they are in. */
export function ownCommand(
  node: string = process.execPath,
  script: string = process.argv[1] ?? '',
  folder: string = process.cwd(),
): string {
  return [node, script].map((path) => quoted(nearest(path, folder))).join(' ');
}

function nearest(path: string, folder: string): string {
  const near = relative(folder, path);
  return near.startsWith('..') ? path : near;
}

function quoted(path: string): string {
  return /^[A-Za-z0-9_./:@-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
