/** The known name nearest to a mistyped one, at most a third of its letters away; `undefined` when none is near. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const start = name.slice(0, 64).toLowerCase();
  const limit = Math.max(1, Math.floor(start.length / 3));
  const [best] = known
    .map((candidate) => ({ candidate, distance: distance(start, candidate.toLowerCase()) }))
    .filter((scored) => scored.distance <= limit)
    .toSorted((a, b) => a.distance - b.distance);
  return best?.candidate;
}

/** Levenshtein distance: how many letters to insert, delete or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
