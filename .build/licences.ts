import { readdirSync, readFileSync } from 'node:fs';
import type { Metafile } from 'esbuild';

const licenceFile = /^(licen[cs]e|copying|notice|copyright|third.?party)/i;
const readmeSection = /^(?:#+ *licen[cs]e|licen[cs]e\n-+)[^]*/im;

/**
 * The licence and notice texts of every package a bundle holds, because most licences ask that they go with every copy. Packages that have
 * the same texts share one copy of them. In the order of the packages' names, so that the same bundle gives the same bytes.
 *
 * @throws {Error} a package that tells no licence at all
 */
export function licences({ outputs }: Metafile): string {
  const inputs = Object.values(outputs).flatMap(({ inputs: parts }) => Object.keys(parts));
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  const packages = new Map([...folders].map((folder) => [nameOf(folder), textsOf(folder)]));
  const holders = new Map<string, string[]>();
  for (const name of [...packages.keys()].toSorted()) {
    const texts = packages.get(name) ?? '';
    holders.set(texts, [...(holders.get(texts) ?? []), name]);
  }
  const line = '='.repeat(80);
  return [...holders].map(([texts, names]) => `${line}\n${names.join('\n')}\n${line}\n\n${texts}`).join('\n');
}

function nameOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Readonly<
    Record<string, unknown>
  >;
  if (typeof license !== 'string') throw new Error(`${folder}/package.json tells no licence`);
  return `${String(name)} ${String(version)} (${license})`;
}

function textsOf(folder: string): string {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
  const read = (file: string): string => readFileSync(`${folder}/${file}`, 'utf8').replaceAll('\r\n', '\n');
  const texts = files.filter((file) => licenceFile.test(file)).map(read);
  const inReadme = files.filter((file) => /^readme/i.test(file)).flatMap((file) => readmeSection.exec(read(file))?.[0] ?? []);
  const found = texts.length > 0 ? texts : inReadme;
  if (found.length === 0) return 'These packages hold no text of their licence; its name is above.\n';
  return found.map((text) => `${text.trim()}\n`).join('\n');
}
