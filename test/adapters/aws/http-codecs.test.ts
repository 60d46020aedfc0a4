import { albCodec, albMultiCodec } from '../../../adapters/aws/alb-codec.ts';
import { functionUrlCodec } from '../../../adapters/aws/function-url-codec.ts';
import { httpV2Codec } from '../../../adapters/aws/http-v2-codec.ts';
import type { LambdaHttpCodec } from '../../../adapters/aws/lambda-http-codec.ts';
import { restV1Codec } from '../../../adapters/aws/rest-v1-codec.ts';
import { testHttpEventCodec } from '../../conformance/http-codec.ts';
import { readCorpusFile } from '../../corpus/format.ts';

function run<Event, Result extends { statusCode: number }>(name: string, codec: LambdaHttpCodec<Event, Result>): void {
  testHttpEventCodec({
    name,
    codec,
    corpus: readCorpusFile(codec.source),
    clientAddress: (event) => codec.clientAddress(event),
    status: ({ statusCode }) => statusCode,
  });
}

run('AWS REST API', restV1Codec);
run('AWS HTTP API', httpV2Codec);
run('AWS function URL', functionUrlCodec);
run('AWS load balancer', albCodec);
run('AWS load balancer, multi-value', albMultiCodec);
