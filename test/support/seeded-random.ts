/** Uniform in [0, 1), the same sequence for the same seed (mulberry32, public domain, by Tommy Ettinger). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 to n - 1. */
export function below(random: () => number, n: number): number {
  return Math.floor(random() * n);
}

/** One of some. */
export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}
