import type { ConfigurationProblem } from '../../config/findings.ts';

/** Reports one thing wrong, by the end of its pointer. */
export type Report = (pointer: string, detail: string, hint?: string) => void;

/** A function that puts problems under a pointer into a list. */
export function reporter(into: ConfigurationProblem[], under: string): Report {
  return (pointer, detail, hint) => into.push({ pointer: under + pointer, detail, hint });
}
