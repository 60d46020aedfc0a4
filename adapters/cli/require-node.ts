import { nodeVersionProblem } from './node-version.ts';

// Imported before everything else: what needs a newer Node must not be loaded to find out.
const problem = nodeVersionProblem(process.versions.node);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
}
