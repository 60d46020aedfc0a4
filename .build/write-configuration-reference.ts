/** Writes the generated parts of docs/configuration.md; a test fails when they are not what they should be. `make configuration-reference` formats it, too. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withConfigurationReference } from './configuration-reference.ts';

const file = 'docs/configuration.md';
writeFileSync(file, withConfigurationReference(readFileSync(file, 'utf8')));
