/** OpenTelemetry's severity texts that we use (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitytext). */
export type Severity = 'debug' | 'info' | 'warn' | 'error';

/** Flat attributes: names in OpenTelemetry's dotted style, values plain. */
export type LogAttributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * Writes one structured line per call. Synchronous and never throws: logging must not break what it describes.
 *
 * Callers pass facts (ids, codes, counts, durations), never error objects, headers, bodies or URLs with userinfo. What is passed is
 * scrubbed all the same before it reaches a sink (`core/telemetry/scrub.ts`).
 */
export interface Logger {
  /** `event` is a stable dotted name such as `session.created`, lower case. */
  log(severity: Severity, event: string, attributes?: LogAttributes): void;
}

/** Where finished lines go: standard output, a file, a test's array. */
export type LogSink = (line: string) => void;
