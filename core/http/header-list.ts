import type { HeaderFields } from '../ports/http.ts';

/** Header fields as one flat list: `name, value, name, value...`, names lower case. */
export class HeaderList implements HeaderFields {
  readonly #fields: readonly string[];

  /** @param fields name, value, ... with names already lower case; kept, not copied */
  constructor(fields: readonly string[] = []) {
    this.#fields = fields;
  }

  /** From pairs in any case. */
  static of(...pairs: readonly (readonly [name: string, value: string])[]): HeaderList {
    return new HeaderList(pairs.flatMap(([name, value]) => [name.toLowerCase(), value]));
  }

  get(name: string): string | undefined {
    const fields = this.#fields;
    let found: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] === name) {
        const value = fields[at + 1] ?? '';
        found = found === undefined ? value : joinValues(name, found, value);
      }
    }
    return found;
  }

  getAll(name: string): readonly string[] {
    const fields = this.#fields;
    const values: string[] = [];
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) values.push(fields[at + 1] ?? '');
    return values;
  }

  flat(): readonly string[] {
    return this.#fields;
  }
}

/** Joins two values of one field: `cookie` with `; ` (RFC 6265 section 5.4), every other with `, ` (RFC 9110 section 5.3). */
export function joinValues(name: string, first: string, second: string): string {
  return `${first}${name === 'cookie' ? '; ' : ', '}${second}`;
}
