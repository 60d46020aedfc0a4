import { closest } from './closest.ts';

export interface ConfigurationProblem {
  /** RFC 6901 pointer into the file. */
  readonly pointer: string;
  /** A phrase that follows the pointer: `is not a known member`. */
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

/** What checking a part of a configuration found. */
export interface Findings {
  readonly problems: readonly ConfigurationProblem[];
  /** What works and is probably not meant. */
  readonly warnings: readonly ConfigurationProblem[];
}

/** A hint for a name that is not known: the nearest that is, else all of them. */
export function suggest(name: string, known: readonly string[], otherwise: string): string {
  const meant = closest(name, known);
  return meant === undefined ? `${otherwise}: ${known.join(', ')}` : `did you mean "${meant}"?`;
}
