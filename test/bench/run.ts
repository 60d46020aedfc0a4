/**
 * Measures Portolan against named references, each in the same run and in turn with it, and prints one table. `make bench`, or after `node .build/build.ts`:
 * `node test/bench/run.ts [--quick] [--write] [--only in-process,cold-start,stores,local,gateway]`. `--write` puts the table into README.md.
 *
 * Quote ratios, not times: an absolute figure does not repeat on another machine. What falls short is printed, and is no failure.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { coldStart } from './cold-start.ts';
import { gateway } from './gateway.ts';
import { inProcess } from './in-process.ts';
import { local } from './local.ts';
import { stores } from './stores.ts';
import { markdown, writeBetweenMarks } from './table.ts';
import type { Row } from './table.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false }, only: { type: 'string' } },
});
// Google's clients would look for a server that only their cloud has.
process.env['METADATA_SERVER_DETECTION'] = 'none';
const { quick } = values;
const only = values.only?.split(',');

const sections: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  'in-process': () => inProcess(quick ? 60 : 400),
  'cold-start': () => coldStart(quick ? 3 : 25, quick ? ['aws'] : undefined),
  stores: () => stores(quick ? 10 : 60),
  local: () => local(quick ? 5 : 25),
  gateway: () => gateway(quick),
};

const rows: Row[] = [];
for (const [name, measure] of Object.entries(sections)) {
  if (only?.includes(name) === false) continue;
  console.error(`Measuring ${name}...`);
  rows.push(...(await measure()));
}

const made = new Date().toISOString().slice(0, 10);
const where = `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${cpus().length} cores, ${made}`;
const table = `${markdown(rows)}\n\nMedians of interleaved runs; ${where}${quick ? '; a quick run, so a rough one' : ''}.`;
console.log(table);
if (values.write) console.error(await writeBetweenMarks('README.md', table));
