import { readFileSync, writeFileSync } from 'node:fs';
import { compatibilityFile, readCompatibility } from './compatibility-reporter.ts';
import { differences, insertTable } from './compatibility-table.ts';

/**
 * Writes the compatibility table of the last runs into the README: `node test/conformance/write-compatibility.ts`. With `--check` it writes
 * nothing and exits with 1 when a run says something else than the README.
 */
const compatibility = readCompatibility();
if (Object.keys(compatibility).length === 0) {
  console.error(`${compatibilityFile} holds no run. Run the tests first.`);
  process.exit(1);
}
const readme = readFileSync('README.md', 'utf8');
if (process.argv.includes('--check')) {
  const wrong = differences(readme, compatibility);
  if (wrong.length > 0) {
    console.error(`README.md does not say:\n${wrong.join('\n')}\nRun node test/conformance/write-compatibility.ts`);
    process.exit(1);
  }
} else {
  writeFileSync('README.md', insertTable(readme, compatibility));
}
