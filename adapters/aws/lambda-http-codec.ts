import type { HttpEventCodec, HttpResponse } from '../../core/ports/index.ts';

/** The event sources of AWS, by their documented names. */
export type LambdaSource = 'aws-rest' | 'aws-http-v2' | 'aws-url' | 'aws-alb' | 'aws-alb-multi';

/** A Lambda function's greatest answer, in bytes of its JSON (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
export const maxLambdaResultBytes = 6_291_556;

/** A Lambda function's greatest streamed answer, in bytes (the same page). */
export const maxLambdaStreamBytes = 209_715_200;

/** What a codec knows beside the messages: who the platform says is calling, and how a streamed answer starts. */
export interface LambdaHttpCodec<Event, Result> extends HttpEventCodec<Event, Result> {
  readonly source: LambdaSource;
  /** The peer's address, without port, as the platform attests it; never from what a client can write. */
  clientAddress(event: Event): string | undefined;
  /** What goes before the bytes of a streamed answer; absent where the source cannot stream. */
  streamHead?(response: HttpResponse): object;
}

/**
 * Greatest content that fits into `limit` bytes of JSON whatever its bytes are, base64 included, beside 16 KiB of header fields. Text may be
 * larger.
 */
export function maxContentBytes(limit: number): number {
  return Math.floor((limit - 16_384) / 4) * 3;
}
