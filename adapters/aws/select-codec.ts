import { albCodec, albMultiCodec } from './alb-codec.ts';
import { functionUrlCodec } from './function-url-codec.ts';
import { httpV2Codec } from './http-v2-codec.ts';
import type { LambdaHttpCodec, LambdaSource } from './lambda-http-codec.ts';
import { isPayloadV2 } from './payload-v2.ts';
import { restV1Codec } from './rest-v1-codec.ts';

/** Any of the codecs; its event has been recognised by its shape. */
export type AnyLambdaHttpCodec = LambdaHttpCodec<unknown, object>;

/** The codecs by source, in the order they are tried. */
export const lambdaHttpCodecs: Readonly<Record<LambdaSource, AnyLambdaHttpCodec>> = {
  'aws-http-v2': httpV2Codec,
  'aws-url': functionUrlCodec,
  'aws-rest': restV1Codec,
  'aws-alb': albCodec,
  'aws-alb-multi': albMultiCodec,
};

const inOrder: readonly AnyLambdaHttpCodec[] = Object.values(lambdaHttpCodecs);

/**
 * Finds the codec of an event by the event's shape.
 *
 * @param source overrides what cannot be told for certain from the shape: which of the two sources of payload format 2.0 it is. An
 * event of another shape is an error all the same.
 * @throws {TypeError} no source we know; says what the event is made of, never what it holds
 */
export function selectCodec(event: unknown, source?: LambdaSource): AnyLambdaHttpCodec {
  if (typeof event === 'object' && event !== null) {
    if (source === undefined) {
      for (const codec of inOrder) if (codec.matches(event)) return codec;
    } else {
      const codec = lambdaHttpCodecs[source];
      const payloadV2 = source === 'aws-http-v2' || source === 'aws-url';
      if (payloadV2 ? isPayloadV2(event) : codec.matches(event)) return codec;
    }
  }
  throw new TypeError(
    `Not an HTTP event of ${source ?? 'a source Portolan knows'} (${Object.keys(lambdaHttpCodecs).join(', ')}): ${shapeOf(event)}`,
  );
}

/** @throws {TypeError} no source of AWS; for a setting such as `PORTOLAN_EVENT_SOURCE` */
export function parseLambdaSource(text: string): LambdaSource {
  if (!Object.hasOwn(lambdaHttpCodecs, text)) {
    throw new TypeError(`The event source must be one of ${Object.keys(lambdaHttpCodecs).join(', ')}`);
  }
  return text as LambdaSource;
}

/** Names only: values are the client's. */
function shapeOf(event: unknown): string {
  if (typeof event !== 'object' || event === null) return event === null ? 'null' : typeof event;
  const { version, requestContext } = event as { version?: unknown; requestContext?: unknown };
  const format =
    version === '1.0' && requestContext !== undefined ? 'payload format 1.0 of an HTTP API, which must be set to 2.0; ' : '';
  const context =
    typeof requestContext === 'object' && requestContext !== null ? ` with requestContext {${names(requestContext)}}` : '';
  return `${format}{${names(event)}}${context}`;
}

function names(object: object): string {
  const keys = Object.keys(object);
  return keys.slice(0, 20).join(', ') + (keys.length > 20 ? ', ...' : '');
}
