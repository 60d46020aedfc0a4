import { strict as assert } from 'node:assert';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { BuildOptions } from 'esbuild';
import { buildOptions, bundles } from '../../.build/bundles.ts';
import type { Bundle } from '../../.build/bundles.ts';
import { httpV2Event } from '../support/aws/events.ts';
import * as fixtures from './fixtures.ts';
import { interleaved, median, ratio, runChild } from './measure.ts';
import { awsStandIns, azureStandIns, gcpStandIns } from './stand-ins.ts';
import type { StandIns } from './stand-ins.ts';
import type { Row } from './table.ts';

const folder = '.cache/bench';
const child = fileURLToPath(new URL('cold-start-child.mjs', import.meta.url));

interface Started {
  readonly status: number;
  readonly body: string;
  readonly ready: number;
  readonly answered: number;
  /** URLs of the bundle's files that it had loaded by then. */
  readonly loaded: readonly string[];
}

interface Platform {
  readonly platform: string;
  readonly standIns: () => Promise<StandIns>;
  /** Against the bare handler bundled in the ordinary way, into one file, as well. */
  readonly ordinary?: { readonly without: readonly (keyof BuildOptions)[]; readonly note: string; readonly bytes: string };
  readonly fallsShort: { readonly time: string; readonly bytes: string };
}

const startCost =
  'The checks of the configuration, the whole control API and the container (inversify: 6 % of the start) are parsed, and run, where the other has one route. ' +
  "Node's compile cache (0.92x filled, 1.06x empty) is no help where the file system starts empty or read-only.";

const startBytes = 'inversify, the checks of the configuration and the whole control API, against one route.';

const platforms: readonly Platform[] = [
  {
    platform: 'aws',
    standIns: awsStandIns,
    ordinary: {
      without: ['alias', 'splitting'],
      note: "same SDK clients, in one file with the SDK's own search for credentials",
      bytes: 'inversify is 83 KiB of it: without that it would be 1.13x.',
    },
    fallsShort: {
      time: startCost,
      bytes:
        'Without the search for credentials the clients are small: inversify is 83 KiB, the checks of the configuration and the vendors 109 KiB, the rest of Portolan 88 KiB.',
    },
  },
  {
    platform: 'azure',
    standIns: azureStandIns,
    ordinary: {
      without: ['alias', 'splitting'],
      note: "same SDK clients, in one file with the SDK's own search for an identity",
      bytes: startBytes,
    },
    fallsShort: { time: startCost, bytes: startBytes },
  },
  {
    platform: 'gcp',
    standIns: gcpStandIns,
    fallsShort: { time: startCost, bytes: startBytes },
  },
];

/** Fresh processes from their start to the first session read answered, and the sizes of the files they load for it. */
export async function coldStart(rounds: number, only?: readonly string[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const one of platforms) if (only?.includes(one.platform) !== false) rows.push(...(await measure(one, rounds)));
  return rows;
}

async function measure({ platform, standIns, ordinary, fallsShort }: Platform, rounds: number): Promise<readonly Row[]> {
  const bundle = bundles.find((one) => one.platform === platform) ?? assert.fail(platform);
  const place = `${folder}/${platform}`;
  const reference = fileURLToPath(new URL(`references/${platform}-function.ts`, import.meta.url));
  const files: Record<string, string> = {
    // As in `dist`, but nobody builds there while we measure.
    ours: await bundled(bundle, `${place}/ours`),
    alike: await bundled({ ...bundle, entry: reference }, `${place}/alike`),
  };
  if (ordinary !== undefined) {
    const options = Object.entries(bundle.options ?? {}).filter(([name]) => !ordinary.without.includes(name as keyof BuildOptions));
    files['ordinary'] = await bundled({ ...bundle, entry: reference, options: Object.fromEntries(options) }, `${place}/ordinary`);
  }

  const behind = await standIns();
  try {
    const input = `${place}/input.json`;
    const { target, headers: flat } = fixtures.getSessionRequest;
    const headers = Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : [])));
    writeFileSync(input, JSON.stringify({ event: httpV2Event(fixtures.getSessionRequest), path: target, headers }));
    const bodies = new Set<string>();
    const loaded: Record<string, readonly string[]> = {};
    const start = (name: string, file: string) => async (): Promise<number> => {
      const started = await runChild<Started>(child, [platform, file, input], {
        env: { METADATA_SERVER_DETECTION: 'none', ...behind.env },
      });
      assert.equal(started.status, 200, `${file} answered ${started.status}: ${started.body}`);
      bodies.add(JSON.stringify(JSON.parse(started.body)));
      loaded[name] = started.loaded;
      return started.answered;
    };
    const contenders = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, start(name, file)]));
    const samples = await interleaved(contenders, rounds);
    assert.equal(bodies.size, 1, `the answers of ${platform} differ`);

    const row = (what: 'time' | 'bytes', against: 'alike' | 'ordinary', measured: number, note: string): Row => ({
      what: `dist/${platform}, fresh process to first session read: ${what === 'bytes' ? 'bytes loaded' : what}`,
      against: against === 'alike' ? 'bare handler, same SDK clients, bundled alike' : `bare handler, ${ordinary?.note ?? ''}`,
      measured,
      unit: 'x',
      target: { atMost: what === 'time' ? 1.1 : 1.15 },
      note: [note, behind.note].filter((text) => text !== undefined && text !== '').join('; '),
      fallsShort: against === 'ordinary' && what === 'bytes' ? ordinary?.bytes : fallsShort[what],
    });
    const size = (name: string): number => (loaded[name] ?? []).reduce((sum, url) => sum + statSync(new URL(url)).size, 0);
    const kib = (name: string): string => `${(size(name) / 1_024).toFixed(0)} KiB`;
    return (['ordinary', 'alike'] as const)
      .filter((name) => files[name] !== undefined)
      .flatMap((name) => [
        row('time', name, ratio(samples, 'ours', name), `${median(samples['ours'] ?? []).toFixed(0)} ms`),
        row('bytes', name, size('ours') / size(name), `${kib('ours')} against ${kib(name)}`),
      ]);
  } finally {
    await behind.stop();
  }
}

async function bundled(bundle: Bundle, into: string): Promise<string> {
  rmSync(into, { recursive: true, force: true });
  await build(buildOptions(bundle, into));
  writeFileSync(`${into}/package.json`, '{"type":"module"}\n');
  return `${into}/${bundle.file}`;
}
