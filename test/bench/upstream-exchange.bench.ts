/** What stands between the proxy handler and the transport, per request, over a transport that answers at once. */
import { HeaderList } from '../../core/http/header-list.ts';
import type { HttpResponse, Logger, PushBody, Transport } from '../../core/ports/index.ts';
import type { UpstreamConfiguration } from '../../core/proxy/configuration.ts';
import { createUpstreams } from '../../core/proxy/upstream/create-upstreams.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { newExchange, newRequest } from '../support/exchanges.ts';
import { interleaved, median, timeCalls } from './measure.ts';

const loops = 20_000;
const rounds = 15;

const answer: HttpResponse = { status: 200, headers: new HeaderList(['content-type', 'text/plain']), body: undefined };
const chunk = new Uint8Array(1_024);
const pushed: HttpResponse = {
  ...answer,
  body: {
    pushTo: (sink: { write(bytes: Uint8Array): boolean; end(): void }) => {
      sink.write(chunk);
      sink.end();
      return { resume: () => undefined, cancel: () => undefined };
    },
    async *[Symbol.asyncIterator]() {
      yield chunk;
    },
  } as HttpResponse['body'],
};
const logger: Logger = { log: () => undefined };
const sink = { write: () => true, end: () => undefined, abort: () => undefined };

function transportOf(response: HttpResponse): Transport {
  return { send: async () => response, close: async () => undefined };
}

function sender(configuration: UpstreamConfiguration, response: HttpResponse): () => Promise<void> {
  const upstream = createUpstreams(
    { it: configuration },
    {
      clock: systemClock,
      random: Math.random,
      transports: { open: () => transportOf(response), checkSecrets: async () => [] },
      discovery: { resolve: () => Promise.reject(new Error('unused')) },
      logger,
      server: false,
    },
  ).get('it');
  const exchange = newExchange(request, systemClock.now(), { timeoutMs: 1e9 });
  return async () => {
    exchange.attempts.length = 0;
    take(await upstream.send(request, exchange));
  };
}

function take({ body }: HttpResponse): void {
  if (typeof body === 'object' && 'pushTo' in body) (body as PushBody).pushTo(sink);
}

const fields = Array.from({ length: 12 }, (_, n) => [`x-field-${n}`, 'value']).flat();
const request = newRequest({ headers: new HeaderList(['host', 'www.example.com', ...fields]), target: '/a?b=c' });
const bare = (response: HttpResponse) => {
  const transport = transportOf(response);
  return async () => {
    take(await transport.send(request, { deadline: 1e15 }));
  };
};
const one = { url: 'http://a.example' };
const targets = ['a', 'b', 'c'].map((name) => ({ url: `https://${name}.example` }));
const calls = {
  bare: bare(answer),
  defaults: sender(one, answer),
  'bare, pushed body': bare(pushed),
  'defaults, pushed body': sender(one, pushed),
  'three targets': sender({ targets }, pushed),
  'bounded tries': sender({ targets, timeouts: { tryMs: 1_000 } }, pushed),
  hedged: sender({ targets, hedge: {} }, pushed),
  everything: sender({ targets, hedge: {}, admission: {}, timeouts: { tryMs: 1_000 }, concurrency: { adaptive: true } }, pushed),
};
const samples = await interleaved(
  Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, () => timeCalls(loops, call)])) as Record<
    keyof typeof calls,
    () => Promise<number>
  >,
  rounds,
);
for (const [name, values] of Object.entries(samples)) console.log(`${name.padEnd(24)} ${median(values).toFixed(2)} us`);
