import { encodeResult } from './encode-result.ts';
import { decodedPath } from './event-target.ts';
import { isFunctionUrl } from './function-url-codec.ts';
import { maxContentBytes, maxLambdaResultBytes } from './lambda-http-codec.ts';
import type { LambdaHttpCodec } from './lambda-http-codec.ts';
import { decodePayloadV2, isPayloadV2, payloadV2Result } from './payload-v2.ts';
import type { PayloadV2Event, PayloadV2Result } from './payload-v2.ts';

/**
 * API Gateway HTTP API, payload format 2.0.
 *
 * `rawPath` comes decoded, so it is escaped again. On the API's own address (`.execute-api.`) a named stage is the first segment and
 * is taken off; on a custom domain it is not there.
 */
export const httpV2Codec: LambdaHttpCodec<PayloadV2Event, PayloadV2Result> = {
  source: 'aws-http-v2',
  maxResponseBytes: maxContentBytes(maxLambdaResultBytes),
  matches: (event): event is PayloadV2Event => isPayloadV2(event) && !isFunctionUrl(event),
  decode: (event) => decodePayloadV2(event, decodedPath(pathWithoutStage(event))),
  encode: (response) => encodeResult(response, maxLambdaResultBytes, payloadV2Result),
  clientAddress: (event) => event.requestContext.http.sourceIp,
};

function pathWithoutStage({ rawPath, requestContext: { stage, domainName } }: PayloadV2Event): string {
  if (stage === undefined || stage === '$default' || domainName?.includes('.execute-api.') !== true) return rawPath;
  if (!rawPath.startsWith(stage, 1)) return rawPath;
  const rest = rawPath.slice(stage.length + 1);
  return rest === '' ? '/' : rest.startsWith('/') ? rest : rawPath;
}
