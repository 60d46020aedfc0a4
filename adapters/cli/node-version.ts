/** The least version, as in the `engines` of package.json: the first whose SQLite needs no switch. */
const least = [22, 13] as const;

/** Why Portolan cannot run under this version of Node, and what to do; `undefined` when it can. */
export function nodeVersionProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > least[0] || (major === least[0] && minor >= least[1])) return undefined;
  return `Portolan needs Node ${least.join('.')} or newer, and this is ${version}. In a checkout, "make portolan ARGS=..." uses a Node of its own.`;
}
