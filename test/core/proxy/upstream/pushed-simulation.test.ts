import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UpstreamError } from '../../../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../../../core/proxy/configuration.ts';
import { seededRandom } from '../../../support/seeded-random.ts';
import type { SimulatedAnswer } from '../../../support/simulated-transport.ts';
import { SimulatedUpstreams } from '../../../support/simulated-upstreams.ts';

const names = ['a', 'b', 'c', 'd'];

it('gives back every place and every request in flight, whatever is pushed, fails, stalls, is hedged, tried again or given up meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = seededRandom(seed);
      const chance = (share: number): boolean => random() < share;
      const upTo = (n: number): number => Math.floor(random() * n);
      const configuration = (): Readonly<Record<string, UpstreamConfiguration>> => ({
        main: {
          targets: names
            .filter(() => chance(0.7))
            .concat('e')
            .map((name) => ({ url: `http://${name}`, weight: upTo(3) + (name === 'e' ? 1 : 0) })),
          ...(chance(0.5) && { hedge: { delayMs: 20 + upTo(50), budgetRatio: 1 } }),
          ...(chance(0.5) && { timeouts: { tryMs: chance(0.5) ? 50 + upTo(100) : 30_000 } }),
          ...(chance(0.3) && { balance: { policy: 'leastRequests' } }),
          ...(chance(0.3) && { concurrency: { max: 3 + upTo(3), maxQueued: 3, adaptive: chance(0.3) } }),
          ...(chance(0.3) && { circuitBreaker: { probes: 1 + upTo(2), openMs: 100 } }),
          ...(chance(0.3) && { admission: { windowMs: 3_000 } }),
          ...(chance(0.3) && { outlierEjection: { baseEjectionMs: 200, maxEjectedPercent: 100 } }),
          fallback: 'spare',
        },
        spare: { url: 'http://spare', concurrency: { max: 4 } },
      });
      const it = new SimulatedUpstreams(configuration(), { seed });
      const { clock, transport } = it;
      const answer = (): SimulatedAnswer => ({
        afterMs: upTo(120),
        ...(chance(0.2) && { status: 503 }),
        ...(chance(0.1) && { error: new UpstreamError('connection_terminated', chance(0.5)) }),
        ...(chance(0.5) && {
          body: (async function* () {
            yield new Uint8Array(1);
            await clock.sleep(upTo(100));
            if (chance(0.2)) throw new UpstreamError('http_response_incomplete', true);
            yield new Uint8Array(1);
          })(),
        }),
      });
      for (const name of [...names, 'e', 'spare']) transport.backend(name, answer);
      const send = transport.send.bind(transport);
      // Connecting takes its time, too, and one that nobody waits for any more is given up.
      transport.send = async (request, options) => {
        await clock.sleep(upTo(40));
        return send(request, options);
      };
      const all: Promise<unknown>[] = [];
      for (let step = 0; step < 80; step++) {
        const leaving = new AbortController();
        const context = chance(0.3) ? { signal: leaving.signal } : {};
        const body = chance(0.3)
          ? (async function* () {
              yield new Uint8Array([1]);
              await clock.sleep(upTo(60));
              yield new Uint8Array([2]);
            })()
          : undefined;
        // Who reads the answer may meet the failure of its content.
        all.push(
          it
            .ask({ timeoutMs: 50 + upTo(400), context, request: { method: chance(0.3) ? 'POST' : 'PUT', body } })
            .catch(() => undefined),
        );
        if (chance(0.3)) await it.reconfigure(configuration());
        await clock.advance(upTo(40));
        leaving.abort(new Error('client gone'));
      }
      for (let n = 0; n < 20; n++) await clock.advance(100);
      await Promise.all(all);
      const left = [...it.running].flatMap(([name, upstreams]) =>
        upstreams.flatMap(({ learned: { places, states } }) => [
          [name, places.part.limiter.inFlight, places.part.limiter.queued],
          ...[...states].map(([target, { inFlight }]) => [target, inFlight]),
        ]),
      );
      expect(left.filter(([, inFlight, queued = 0]) => inFlight !== 0 || queued !== 0)).toEqual([]);
      expect([transport.inFlight, transport.openBodies]).toEqual([0, 0]);
      const answered = transport.sent.filter(({ request, outcome }) => request.body !== undefined && typeof outcome === 'number');
      expect(new Set(answered.map(({ content }) => content?.join()))).toEqual(new Set(['1,2']));
      await it.upstreams.close();
      await clock.advance(0);
      expect([it.running.size, clock.sleeping, transport.profiles.length - transport.closed]).toEqual([0, 0, 0]);
    }),
    { numRuns: 60 },
  );
});
