import type { LogSink } from '../../core/ports/index.ts';

/** One line on standard output, where every platform we run on collects logs. */
export const stdoutSink: LogSink = (line) => {
  process.stdout.write(`${line}\n`);
};
