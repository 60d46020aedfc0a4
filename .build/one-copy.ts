import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Bundles one copy of each version of a package. npm nests a package beside each of its users when another version has the place at the
 * top, and a bundle would get every copy: Google's clients bring theirs three times over.
 */
export function oneCopy(): Plugin {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version?: string }>>;
  };
  const folders = Object.keys(packages)
    .filter((folder) => folder.startsWith('node_modules/'))
    .toSorted();
  const copies = Map.groupBy(folders, keyOf);

  function keyOf(folder: string): string {
    return `${folder.slice(folder.lastIndexOf('node_modules/'))}@${packages[folder]?.version ?? ''}`;
  }

  /** The installed package that holds a file. */
  function folderOf(file: string): string | undefined {
    const parts = file.split('/');
    for (let length = parts.length - 1; length > 1; length--) {
      const folder = parts.slice(0, length).join('/');
      if (packages[folder] !== undefined) return folder;
    }
    return undefined;
  }

  return {
    name: 'one-copy',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
        if (pluginData === 'resolving' || path.startsWith('node:')) return undefined;
        const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: 'resolving' });
        const file = relative(process.cwd(), found.path).split(sep).join('/');
        const folder = found.errors.length > 0 || found.external ? undefined : folderOf(file);
        const [copy, ...others] = folder === undefined ? [] : (copies.get(keyOf(folder)) ?? []);
        // Left to esbuild wherever there is nothing to choose: a plugin's answer does not tell it the package's module type, and a file that is
        // reached in both ways would be bundled in one way or the other, as it happens.
        if (folder === undefined || copy === undefined || others.length === 0) return undefined;
        return { ...found, path: found.path.replace(folder, copy) };
      });
    },
  };
}
