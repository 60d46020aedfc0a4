import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearization } from './linearizability.ts';
import type { Call, Model } from './linearizability.ts';

type Operation = { readonly write: number } | 'read';
type Outcome = number | 'ok';

/** A register: the example of the literature. */
const register: Model<number, Operation, Outcome> = {
  initial: 0,
  apply: (state, operation) => (operation === 'read' ? { state, outcome: state } : { state: operation.write, outcome: 'ok' }),
};

/** From `[client, operation, invoked, returned, outcome]`. */
function history(...calls: readonly (readonly [number, Operation, number, number?, Outcome?])[]): Call<Operation, Outcome>[] {
  return calls.map(([client, operation, invokedAt, at, outcome]) => ({
    client,
    operation,
    invokedAt,
    ...(at !== undefined && { returned: { at, outcome: outcome ?? 'ok' } }),
  }));
}

describe('the linearizability checker', () => {
  it('accepts a history without overlap that a register would give', () => {
    expect(linearization(register, history([0, { write: 1 }, 1, 2], [1, 'read', 3, 4, 1]))).toEqual([0, 1]);
    expect(linearization(register, [])).toEqual([]);
  });

  it('refuses a stale read: the write had returned before it', () => {
    expect(linearization(register, history([0, { write: 1 }, 1, 2], [1, 'read', 3, 4, 0]))).toBeUndefined();
  });

  it('accepts a read of either value while the write is under way', () => {
    for (const seen of [0, 1]) {
      expect(linearization(register, history([0, { write: 1 }, 1, 4], [1, 'read', 2, 3, seen]))).toBeDefined();
    }
    expect(linearization(register, history([0, { write: 1 }, 1, 4], [1, 'read', 2, 3, 2]))).toBeUndefined();
  });

  it('refuses two reads that see a write and then not, one after the other', () => {
    const during = (first: number, second: number) =>
      history([0, { write: 1 }, 1, 6], [1, 'read', 2, 3, first], [2, 'read', 4, 5, second]);
    expect(linearization(register, during(0, 1))).toBeDefined();
    expect(linearization(register, during(1, 0))).toBeUndefined();
  });

  it('refuses a lost write: both returned, neither is there', () => {
    const lost = history([0, { write: 1 }, 1, 3], [1, { write: 2 }, 2, 4], [0, 'read', 5, 6, 0]);
    expect(linearization(register, lost)).toBeUndefined();
  });

  it('lets a call of unknown outcome take effect late, or never', () => {
    const unknown = [0, { write: 1 }, 1] as const;
    expect(linearization(register, history(unknown, [1, 'read', 2, 3, 0], [1, 'read', 4, 5, 0]))).toEqual([1, 2]);
    expect(linearization(register, history(unknown, [1, 'read', 2, 3, 0], [1, 'read', 4, 5, 1]))).toEqual([1, 0, 2]);
    expect(linearization(register, history(unknown, [1, 'read', 2, 3, 1], [1, 'read', 4, 5, 0]))).toBeUndefined();
  });

  it('does not let a call of unknown outcome take effect before it was made, or twice', () => {
    expect(linearization(register, history([1, 'read', 1, 2, 1], [0, { write: 1 }, 3]))).toBeUndefined();
    const twice = history([0, { write: 1 }, 1], [1, 'read', 2, 3, 1], [1, { write: 2 }, 4, 5], [1, 'read', 6, 7, 1]);
    expect(linearization(register, twice)).toBeUndefined();
  });

  it('accepts the textbook history H1 of Herlihy and Wing and refuses their H2, for a queue', () => {
    type QueueOperation = { readonly enqueue: string } | 'dequeue';
    const queue: Model<readonly string[], QueueOperation, string> = {
      initial: [],
      apply: (state, operation) =>
        operation === 'dequeue'
          ? { state: state.slice(1), outcome: state[0] ?? 'empty' }
          : { state: [...state, operation.enqueue], outcome: 'ok' },
    };
    const calls = (first: string): Call<QueueOperation, string>[] => [
      { client: 0, operation: { enqueue: 'x' }, invokedAt: 1, returned: { at: 3, outcome: 'ok' } },
      { client: 1, operation: { enqueue: 'y' }, invokedAt: 2, returned: { at: 4, outcome: 'ok' } },
      { client: 1, operation: 'dequeue', invokedAt: 5, returned: { at: 6, outcome: first } },
    ];
    // They overlap, so either may come first.
    expect(linearization(queue, calls('x'))).toBeDefined();
    expect(linearization(queue, calls('y'))).toBeDefined();
    const apart = calls('y').map((call, at) => (at === 0 ? { ...call, returned: { at: 1.5, outcome: 'ok' } } : call));
    expect(linearization(queue, apart)).toBeUndefined();
  });

  it('accepts every history of a real register, and refuses it with one read changed to what nobody wrote', () => {
    const step = fc.record({
      client: fc.nat(3),
      write: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      span: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, which) => {
        let state = 0;
        const calls = steps.map(({ client, write, span }, at): Call<Operation, Outcome> => {
          const operation: Operation = write === undefined ? 'read' : { write };
          const next = register.apply(state, operation);
          state = next.state;
          // Takes effect at 10 * at; invoked before, returned after, so that neighbours overlap.
          return {
            client,
            operation,
            invokedAt: 10 * at - span * 7,
            returned: { at: 10 * at + span * 6 + 1, outcome: next.outcome },
          };
        });
        expect(linearization(register, calls)).toBeDefined();
        const reads = calls.filter(({ operation }) => operation === 'read');
        const changed = reads[which % reads.length];
        if (changed === undefined) return;
        const wrong = calls.map((call) =>
          call === changed ? { ...call, returned: { at: call.returned?.at ?? 0, outcome: 99 } } : call,
        );
        expect(linearization(register, wrong)).toBeUndefined();
      }),
    );
  });

  it('decides a history of 16 calls that all overlap at once', () => {
    const calls = Array.from({ length: 16 }, (_, n): Call<Operation, Outcome> => ({
      client: n,
      operation: n % 2 === 0 ? { write: n % 4 } : 'read',
      invokedAt: 0,
      returned: { at: 100, outcome: n % 2 === 0 ? 'ok' : n % 4 === 1 ? 0 : 7 },
    }));
    expect(linearization(register, calls)).toBeUndefined();
  });

  it('refuses to be asked about more calls than it can count', () => {
    expect(() =>
      linearization(
        register,
        Array.from({ length: 32 }, () => ({ client: 0, operation: 'read' as const, invokedAt: 0 })),
      ),
    ).toThrow(RangeError);
  });
});
