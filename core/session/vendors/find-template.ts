import type { VendorTemplate } from './template.ts';

type Templates = Readonly<Record<string, VendorTemplate>>;

/** The template of this id: the operator's own before a built-in one. Own members only: `constructor` is no vendor. */
export function findTemplate(id: string, own: Templates | undefined, builtIn: Templates): VendorTemplate | undefined {
  return [own, builtIn].find((templates) => templates !== undefined && Object.hasOwn(templates, id))?.[id];
}
