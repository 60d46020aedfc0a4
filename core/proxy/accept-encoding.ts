import type { ContentCoding } from '../ports/compression.ts';

/**
 * The coding for an answer (RFC 9110 section 12.5.3): of those we offer the one with the greatest weight, of equals the one we name first;
 * `undefined` for none, which is also the answer to a client that asks for nothing or likes content as it is better.
 *
 * @param accepted the `Accept-Encoding` field
 * @param offered best first
 */
export function chooseCoding(accepted: string | undefined, offered: readonly ContentCoding[]): ContentCoding | undefined {
  if (accepted === undefined || accepted === '') return undefined;
  const weights = new Map<string, number>();
  for (const member of accepted.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = member.split(';').map((part) => part.trim());
    if (coding === '') continue;
    const weight = weightOf(parameters);
    // What nobody can read is nothing that was asked for.
    if (weight !== undefined) weights.set(coding === 'x-gzip' ? 'gzip' : coding, weight);
  }
  const rest = weights.get('*') ?? 0;
  let best: ContentCoding | undefined;
  let bestWeight = Math.max(weights.get('identity') ?? 0, 0);
  for (const coding of offered) {
    const weight = weights.get(coding) ?? rest;
    if (weight > 0 && (best === undefined ? weight >= bestWeight : weight > bestWeight)) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

const weightForm = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** RFC 9110 section 12.4.2. */
function weightOf(parameters: readonly string[]): number | undefined {
  if (parameters.length === 0) return 1;
  const [, weight] = (parameters.length === 1 ? weightForm.exec(parameters[0] ?? '') : null) ?? [];
  return weight === undefined ? undefined : Number(weight);
}
