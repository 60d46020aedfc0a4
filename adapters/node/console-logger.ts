import type { LogSink } from '../../core/ports/index.ts';

/** One line on standard output, where every platform we run on collects logs. */
export const stdoutSink: LogSink = (line) => {
  process.stdout.write(`${line}\n`);
};

/**
 * Lines on standard output for a server: those of one turn of the event loop in one write, which costs as much as one line. What is left when the process
 * ends, by itself or by an uncaught error, is written then. A platform that freezes between requests needs `stdoutSink`.
 */
export function batchedStdoutSink(): LogSink {
  let lines: string[] = [];
  const flush = (): void => {
    // joined, not added to each other: a string of thousands of parts costs more to write than to make
    const text = lines.join('');
    lines = [];
    if (text !== '') process.stdout.write(text);
  };
  process.once('exit', flush);
  return (line) => {
    if (lines.length === 0) setImmediate(flush);
    lines.push(line, '\n');
  };
}
