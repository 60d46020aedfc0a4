import { readFileSync } from 'node:fs';
import { parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { esModule } from './es-module.ts';
import { oneCopy } from './one-copy.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };

/** What every bundle is built with. */
export const common: BuildOptions = {
  ...esModule,
  minify: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'external',
  define: { PORTOLAN_VERSION: JSON.stringify(version) },
  plugins: [oneCopy()],
  logLevel: 'warning',
  metafile: true,
};

export interface Bundle {
  readonly platform: string;
  readonly entry: string;
  /** What the platform loads. Where a bundle is split, it imports the others beside it. */
  readonly file: string;
  readonly options?: BuildOptions;
  /** Further files of the deployed folder. */
  readonly files?: Readonly<Record<string, string>>;
}

/** How a bundle, or another program in its way, is built into a folder. */
export function buildOptions({ entry, file, options }: Pick<Bundle, 'entry' | 'file' | 'options'>, folder: string): BuildOptions {
  const { name, ext } = parse(file);
  return {
    ...common,
    ...options,
    entryPoints: { [name]: entry },
    outdir: folder,
    outExtension: { '.js': ext },
    chunkNames: '[name]-[hash]',
  };
}

export const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

export const bundles: readonly Bundle[] = [
  {
    platform: 'aws',
    entry: 'adapters/aws/main.ts',
    file: 'index.mjs',
    options: {
      splitting: true,
      // The SDK reads a browser's user agent with it, in code that is left out; what that imports is not.
      external: ['bowser'],
      alias: {
        '@aws-sdk/credential-provider-node': fileURLToPath(new URL('../adapters/aws/lambda-credentials.ts', import.meta.url)),
      },
    },
  },
  {
    platform: 'azure',
    entry: 'adapters/azure/main.ts',
    file: 'index.mjs',
    options: {
      splitting: true,
      // Given by the Functions host, not by npm.
      external: ['@azure/functions-core'],
      alias: {
        '@azure/identity': fileURLToPath(new URL('../adapters/azure/functions-identity.ts', import.meta.url)),
      },
    },
    files: {
      'package.json': json({ name: 'portolan-azure', version, private: true, type: 'module', main: 'index.mjs' }),
      'host.json': json({
        version: '2.0',
        extensions: { http: { routePrefix: '' } },
        functionTimeout: '00:03:50',
        logging: { applicationInsights: { samplingSettings: { isEnabled: true, excludedTypes: 'Request' } } },
      }),
    },
  },
  {
    platform: 'gcp',
    entry: 'adapters/gcp/main.ts',
    file: 'index.js',
    options: { splitting: true },
    files: {
      'package.json': json({ name: 'portolan-gcp', version, private: true, type: 'module', main: 'index.js' }),
    },
  },
  {
    platform: 'local',
    entry: 'adapters/cli/portolan.ts',
    file: 'portolan.mjs',
    options: { external: ['@azure/functions-core'] },
  },
  {
    // For a container. The AWS credentials come as containers get them: no alias here.
    platform: 'gateway',
    entry: 'adapters/cli/gateway/main.ts',
    file: 'portolan-gateway.mjs',
  },
];
