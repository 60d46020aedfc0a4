import type { BuildOptions } from 'esbuild';

/** Some dependencies are CommonJS: they call `require` for Node's own modules, and look beside themselves, which an ES module has no words for. */
const requireBanner = [
  `import{createRequire as __portolanRequire}from'node:module';`,
  `const require=__portolanRequire(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;`,
].join('');

/** One ES module for every Node that a function may run on, with all that it imports. */
export const esModule: BuildOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.13',
  // ES module builds first: the CommonJS ones of the AWS SDK are half as large again.
  mainFields: ['module', 'main'],
  conditions: ['module'],
  banner: { js: requireBanner },
  // The compiler's settings are for checking; what is deployed must not depend on them.
  tsconfigRaw: {},
};
