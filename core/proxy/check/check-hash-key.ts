import type { HashKey } from '../configuration.ts';
import type { Report } from './report.ts';

/** A sticky choice is made by exactly one thing. */
export function checkHashKey(key: HashKey, pointer: string, problem: Report): void {
  const given = (['header', 'cookie', 'query', 'by'] as const).filter((name) => key[name] !== undefined);
  if (given.length !== 1) problem(pointer, `needs exactly one of header, cookie, query, by; has ${given.join(' and ') || 'none'}`);
}
