export type { Clock, EpochMillis } from './clock.ts';
export type { Compression, ContentCoding } from './compression.ts';
export type { Counters, Increment } from './counters.ts';
export type { Crypto } from './crypto.ts';
export type { Discovered, Discovery, Endpoint } from './discovery.ts';
export { PortError } from './errors.ts';
export type { PortErrorCode, PortErrorOptions } from './errors.ts';
export { RequestRejected } from './http.ts';
export type {
  Body,
  BodyFlow,
  BodySink,
  Cancellation,
  HeaderFields,
  HttpEventCodec,
  HttpHandler,
  HttpRequest,
  HttpResponse,
  PushBody,
  RequestContext,
  UpgradedConnection,
} from './http.ts';
export { maxKeyBytes, maxListLimit, maxValueLength } from './key-value-store.ts';
export type {
  CallOptions,
  CreateResult,
  DeleteResult,
  KeyValueStore,
  ListOptions,
  NewRecord,
  RecordKey,
  RecordPage,
  ReplaceResult,
  StoredRecord,
  Version,
} from './key-value-store.ts';
export { maxSecretBytes } from './secrets.ts';
export type { Secret, Secrets, SecretVersion } from './secrets.ts';
export type { LogAttributes, Logger, LogSink, Severity } from './telemetry.ts';
export { UpstreamError } from './transport.ts';
export type { ConnectionProfile, SendOptions, Transport, Transports, UnusableSecret, UpstreamErrorType } from './transport.ts';
