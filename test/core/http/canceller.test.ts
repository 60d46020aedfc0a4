import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Canceller } from '../../../core/http/canceller.ts';
import type { Cancellation } from '../../../core/ports/index.ts';

type Step = readonly ['abort' | 'add' | 'look' | 'remove', number];

const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.tuple(fc.constantFrom('abort', 'add', 'look', 'remove'), fc.nat(3)), {
  maxLength: 20,
});

/** What is seen of a signal while all this happens to it. */
function seen(signal: Cancellation, abort: (reason: unknown) => void, script: readonly Step[]): readonly unknown[] {
  const said: unknown[] = [];
  const listeners: readonly (() => void)[] = [0, 1, 2, 3].map((n) => () => {
    said.push(['called', n, signal.aborted, signal.reason]);
    // takes another away that might be next
    if (n === 0 && listeners[1] !== undefined) signal.removeEventListener('abort', listeners[1]);
  });
  const added = new Set<number>();
  for (const [what, n] of script) {
    const listener = listeners[n] ?? (() => undefined);
    if (what === 'abort') abort(`reason ${n}`);
    else if (what === 'look') {
      said.push([signal.aborted, signal.reason]);
      try {
        signal.throwIfAborted();
      } catch (error) {
        said.push(['threw', error]);
      }
    } else if (what === 'remove') {
      added.delete(n);
      signal.removeEventListener('abort', listener);
    } else if (!added.has(n)) {
      added.add(n);
      signal.addEventListener('abort', listener, { once: true });
    }
  }
  return said;
}

describe('Canceller', () => {
  it('does what an AbortController and its signal do', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const ours = new Canceller();
        const theirs = new AbortController();
        expect(seen(ours, (reason) => ours.abort(reason), script)).toEqual(
          seen(theirs.signal, (reason) => theirs.abort(reason), script),
        );
      }),
    );
  });

  it('ends with the outer one, of either kind, and for the same reason', () => {
    for (const outer of [new Canceller(), new AbortController()]) {
      const signal = outer instanceof Canceller ? outer : outer.signal;
      const before = new Canceller(signal);
      expect(before.aborted).toBe(false);
      outer.abort('gone');
      const after = new Canceller(signal);
      expect([before, after].map(({ aborted, reason }) => [aborted, reason])).toEqual([
        [true, 'gone'],
        [true, 'gone'],
      ]);
    }
  });

  it('leaves the outer one alone', () => {
    const outer = new Canceller();
    new Canceller(outer).abort('late');
    expect(outer.aborted).toBe(false);
  });
});
