import type { Output } from './module-interface.ts';

const fits: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  'list(string)': (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  'map(string)': (value) => isMapOf(value, 'string'),
  'map(bool)': (value) => isMapOf(value, 'boolean'),
};

/**
 * Whether a module answers what its outputs say, with names and types.
 *
 * @returns a sentence for each that differs; a text may be null, which says that this deployment has none
 */
export function checkOutputs(stated: readonly Output[], answered: Readonly<Record<string, unknown>>): string[] {
  const wrong = stated.flatMap(({ name, type }) => {
    const value = answered[name];
    const right = (type === 'string' && value === null) || fits[type]?.(value) === true;
    return right ? [] : [`output ${name} is stated as ${type}, and answered ${JSON.stringify(value) ?? 'nothing'}`];
  });
  const unknown = Object.keys(answered).filter((name) => !stated.some((output) => output.name === name));
  return [...wrong, ...unknown.map((name) => `output ${name} is answered and not stated`)];
}

/**
 * Whether outputs say what is expected: each pattern fits its output, what is no text taken as JSON.
 *
 * @returns a sentence for each that does not
 */
export function checkSayings(expected: Readonly<Record<string, RegExp>>, answered: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(expected).flatMap(([name, pattern]) => {
    const value = answered[name];
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
    return pattern.test(text) ? [] : [`output ${name} must fit ${String(pattern)}, and is ${text}`];
  });
}

function isMapOf(value: unknown, type: string): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === type)
  );
}
