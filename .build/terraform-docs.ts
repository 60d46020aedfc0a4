/**
 * Writes the tables of `terraform/` and `docs/deploy-*.md` that come from the code: inputs and outputs of each module, and costs. Tests say when
 * one is old. The table of capabilities comes from plans: `node .build/terraform.ts --write plan`. `make terraform-docs` does both.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { withSection } from './generated-section.ts';
import { clouds } from './terraform/cloud.ts';
import { costPage, costSummary, costTable } from './terraform/costs.ts';
import { readmeOf, withInterface } from './terraform/module-docs.ts';

const root = resolve(import.meta.dirname, '..');
const terraform = join(root, 'terraform');

for (const cloud of clouds) {
  rewrite(readmeOf(terraform, cloud), (text) => withInterface(text, join(terraform, cloud), cloud));
  rewrite(costPage(terraform, cloud), (text) => withSection(text, 'costs', costTable(cloud)));
}
rewrite(join(terraform, 'README.md'), (text) => withSection(text, 'costs', costSummary()));

function rewrite(file: string, change: (text: string) => string): void {
  if (!existsSync(file)) {
    console.error(`${relative('.', file)} is not there`);
    process.exitCode = 1;
    return;
  }
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  if (after === before) return;
  writeFileSync(file, after);
  console.log(`${relative('.', file)} was written anew`);
}
