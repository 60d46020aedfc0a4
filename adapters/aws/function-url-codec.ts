import { encodeResult } from './encode-result.ts';
import { encodedPath } from './event-target.ts';
import { maxContentBytes, maxLambdaResultBytes } from './lambda-http-codec.ts';
import type { LambdaHttpCodec } from './lambda-http-codec.ts';
import { decodePayloadV2, isPayloadV2, payloadV2Head, payloadV2Result } from './payload-v2.ts';
import type { PayloadV2Event, PayloadV2Result } from './payload-v2.ts';

/** A function URL always calls itself `<id>.lambda-url.<region>.on.aws`; an HTTP API never does. */
export function isFunctionUrl(event: PayloadV2Event): boolean {
  return event.requestContext.domainName?.includes('.lambda-url.') === true;
}

/** Lambda function URL: payload format 2.0 with the path as sent. */
export const functionUrlCodec: LambdaHttpCodec<PayloadV2Event, PayloadV2Result> = {
  source: 'aws-url',
  maxResponseBytes: maxContentBytes(maxLambdaResultBytes),
  matches: (event): event is PayloadV2Event => isPayloadV2(event) && isFunctionUrl(event),
  decode: (event) => decodePayloadV2(event, encodedPath(event.rawPath)),
  encode: (response) => encodeResult(response, maxLambdaResultBytes, payloadV2Result),
  clientAddress: (event) => event.requestContext.http.sourceIp,
  streamHead: payloadV2Head,
};
