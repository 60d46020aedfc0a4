/** One call in a history. Instants are those of a logical counter: only their order means something. */
export interface Call<Operation, Outcome> {
  readonly client: number;
  readonly operation: Operation;
  readonly invokedAt: number;
  /** Absent when the caller was never told: the call may have taken effect at any time since, or still will, or never. */
  readonly returned?: { readonly at: number; readonly outcome: Outcome } | undefined;
}

/** What a correct object does: plain data in, plain data out. */
export interface Model<State, Operation, Outcome> {
  readonly initial: State;
  readonly apply: (state: State, operation: Operation) => { readonly state: State; readonly outcome: Outcome };
}

/**
 * Whether there is an order of the calls, true to real time, in which a correct object gives each caller the answer it got (Herlihy and
 * Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990). The search is Wing and Gong's, with Lowe's memory of
 * dead ends. For histories of one object and at most 31 calls.
 *
 * @returns the order found, as indices into the history, without the calls that never took effect; `undefined` when there is none
 */
export function linearization<State, Operation, Outcome>(
  model: Model<State, Operation, Outcome>,
  history: readonly Call<Operation, Outcome>[],
): readonly number[] | undefined {
  if (history.length > 31) throw new RangeError('A history must have at most 31 calls');
  const answered = history.reduce((mask, { returned }, at) => (returned === undefined ? mask : mask | (1 << at)), 0);
  const deadEnds = new Set<string>();

  const search = (done: number, state: State, order: readonly number[]): readonly number[] | undefined => {
    if ((done & answered) === answered) return order;
    const here = `${done} ${JSON.stringify(state)}`;
    if (deadEnds.has(here)) return undefined;
    // Nothing may come before a call that had returned when it was invoked.
    const firstReturn = Math.min(...history.map(({ returned }, at) => (done & (1 << at) ? Infinity : (returned?.at ?? Infinity))));
    for (const [at, { operation, invokedAt, returned }] of history.entries()) {
      if (done & (1 << at) || invokedAt > firstReturn) continue;
      const next = model.apply(state, operation);
      if (returned !== undefined && JSON.stringify(next.outcome) !== JSON.stringify(returned.outcome)) continue;
      const found = search(done | (1 << at), next.state, [...order, at]);
      if (found !== undefined) return found;
    }
    deadEnds.add(here);
    return undefined;
  };
  return search(0, model.initial, []);
}
