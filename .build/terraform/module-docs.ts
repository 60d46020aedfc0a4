import { join } from 'node:path';
import { markdownTable, withSection } from '../generated-section.ts';
import type { Cloud } from './cloud.ts';
import { readInterface } from './module-interface.ts';
import type { Input } from './module-interface.ts';
import type { Attribute } from './object-type.ts';

/** A module's README with its inputs and outputs as the code has them. */
export function withInterface(readme: string, folder: string, cloud: Cloud): string {
  const shared = readInterface(folder, ['variables.tf']);
  const own = readInterface(folder, [`variables.${cloud}.tf`]);
  const inputs = [['input', 'type', 'default', ''], ...[...own.inputs, ...shared.inputs].flatMap(rowsOf)];
  const outputs = shared.outputs.map(({ name, type, description }) => [`\`${name}\``, type, description]);
  return withSection(
    withSection(readme, 'inputs', markdownTable(inputs)),
    'outputs',
    markdownTable([['output', 'type', ''], ...outputs]),
  );
}

function rowsOf({ name, type, default: fallback, description, ephemeral, attributes }: Input): string[][] {
  const [, outer = 'object'] = /^(\w+)\(/.exec(type) ?? [];
  const shown = attributes.length === 0 ? type : outer === 'object' ? 'object' : `${outer}(object)`;
  const parts = attributes.map(({ path, type: inner, default: given, comment }: Attribute) => [
    `\`${name}${outer === 'object' ? '.' : '.*.'}${path}\``,
    inner,
    code(given),
    comment,
  ]);
  return [[`\`${name}\``, ephemeral ? `${shown}, never kept` : shown, code(fallback), description], ...parts];
}

/** What must be given has no default. */
function code(fallback: string | undefined): string {
  return fallback === undefined ? 'required' : `\`${fallback}\``;
}

/** Where a module's README is. */
export function readmeOf(terraform: string, cloud: Cloud): string {
  return join(terraform, cloud, 'README.md');
}
