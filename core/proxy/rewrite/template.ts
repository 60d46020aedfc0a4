import type { RouteMatch } from '../routing/route-match.ts';

/** Text with parameters in it, read: what is between them, and their names. */
export interface Template {
  /** One more than `names`. */
  readonly texts: readonly string[];
  readonly names: readonly string[];
}

const placeholder = /\{([A-Za-z][A-Za-z0-9_]{0,31})\}/;

/** `undefined` when a brace is left over. */
export function readTemplate(text: string): Template | undefined {
  const parts = text.split(new RegExp(placeholder, 'g'));
  const texts = parts.filter((_, at) => at % 2 === 0);
  if (texts.some((part) => part.includes('{') || part.includes('}'))) return undefined;
  return { texts, names: parts.filter((_, at) => at % 2 === 1) };
}

/** Puts the parameters in as they were sent. What they hold is never expanded again. */
export function fill({ texts, names }: Template, { parameters, rest }: RouteMatch): string {
  let filled = texts[0] ?? '';
  for (const [at, name] of names.entries()) {
    filled += (name === 'rest' ? rest : (parameters[name] ?? '')) + (texts[at + 1] ?? '');
  }
  return filled;
}
