/** 10 MiB in which no stretch is like another, always the same: what is lost, doubled or out of order changes its hash. */
export function transferContent(): Buffer {
  const words = new Uint32Array((10 * 1_024 * 1_024) / 4);
  let state = 1;
  for (let at = 0; at < words.length; at++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}
