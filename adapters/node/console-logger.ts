import { createJsonLogger } from '../../core/telemetry/json-logger.ts';
import type { JsonLoggerOptions } from '../../core/telemetry/json-logger.ts';
import type { Logger, LogSink } from '../../core/ports/index.ts';

/** One line on standard output, where every platform we run on collects logs. */
export const stdoutSink: LogSink = (line) => {
  process.stdout.write(`${line}\n`);
};

/** Structured lines on standard output. */
export function createConsoleLogger(options: Omit<JsonLoggerOptions, 'sink'>): Logger {
  return createJsonLogger({ ...options, sink: stdoutSink });
}
