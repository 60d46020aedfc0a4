/** A resource as it is after an apply: the part of Terraform's JSON state that we read. */
export interface Resource {
  readonly address: string;
  readonly type: string;
  readonly values: Values;
}

export type Values = Readonly<Record<string, unknown>>;

/** Something that must be true of every resource of some types. */
export interface Rule {
  /** What scanners call it: Checkov's `CKV...`, Trivy's `AWS-...`, tflint's names. */
  readonly ids: string;
  readonly types: readonly string[];
  /** What must be true, as the reader of a violation needs it. */
  readonly demand: string;
  /** @param all the resources of the same apply, for what stands in another resource */
  readonly holds: (values: Values, all: readonly Resource[]) => boolean;
}

/** The first block of that name; an empty one where there is none. Terraform writes a block as a list. */
export function block(values: Values, name: string): Values {
  return blocks(values, name)[0] ?? {};
}

export function blocks(values: Values, name: string): readonly Values[] {
  const found = values[name];
  return Array.isArray(found) ? (found as readonly Values[]) : [];
}

/** A list of texts; one text counts as a list of it. */
export function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** Whether another resource of a type says something about this one. */
export function companion(all: readonly Resource[], type: string, matches: (values: Values) => boolean): boolean {
  return all.some((resource) => resource.type === type && matches(resource.values));
}
