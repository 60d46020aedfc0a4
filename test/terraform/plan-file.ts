import { readFileSync } from 'node:fs';
import { unzip } from '../../.build/zip.ts';

/** All that a file of `terraform plan -out` holds, unpacked: the plan, both states, the configuration. Texts in it stand as they are. */
export function planFileText(file: string): string {
  return unzip(readFileSync(file))
    .map(({ content }) => Buffer.from(content).toString('latin1'))
    .join('\n');
}
