import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const module = new URL('../../../adapters/node/console-logger.ts', import.meta.url).href;

/** What a process has written to a pipe when it is gone. */
function outputOf(code: string): { readonly stdout: string; readonly status: number | null } {
  const script = `import { batchedStdoutSink } from ${JSON.stringify(module)}; const log = batchedStdoutSink(); ${code}`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return { stdout, status };
}

describe('batchedStdoutSink', () => {
  it('writes every line in order, those of one turn and those of the next', () => {
    const { stdout } = outputOf(`
      for (let turn = 0; turn < 3; turn++) {
        for (let n = 0; n < 2_000; n++) log(turn + '.' + n);
        await new Promise(setImmediate);
      }`);
    const wanted = [0, 1, 2].flatMap((turn) => Array.from({ length: 2_000 }, (_, n) => `${turn}.${n}`));
    expect(stdout).toBe(`${wanted.join('\n')}\n`);
  });

  it.each([
    ['leaves at once', 'process.exit(7);', 7],
    ['fails', `throw new Error('planted');`, 1],
    ['has nothing left to do', '', 0],
    [
      'is told to end, and leaves',
      `process.once('SIGTERM', () => { log('last'); process.exit(0); }); process.kill(process.pid, 'SIGTERM'); setInterval(() => 0, 1000);`,
      0,
    ],
  ])('loses nothing of a process that %s', (_, end, code) => {
    const { stdout, status } = outputOf(
      `for (let n = 0; n < 1_000; n++) log("a line of the usual length, so to say " + n); ${end}`,
    );
    const lines = stdout.trimEnd().split('\n');
    expect(status).toBe(code);
    expect(lines.filter((line) => line !== 'last').length).toBe(1_000);
    expect(lines.includes('last')).toBe(end.includes('last'));
  });
});
