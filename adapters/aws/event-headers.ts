import { joinValues } from '../../core/http/header-list.ts';
import type { HeaderFields } from '../../core/ports/index.ts';

/** One value a name, names lower case. */
export type SingleValues = Readonly<Record<string, string | undefined>>;
/** Every value of a name, names in any case. */
export type MultiValues = Readonly<Record<string, readonly string[] | undefined>>;

const none: readonly string[] = [];

/** The fields of an event that holds one value a name in lower case, read in place; the cookies may stand apart. */
export class SingleValueHeaders implements HeaderFields {
  readonly #values: SingleValues;
  readonly #cookies: readonly string[] | undefined;
  #flat: readonly string[] | undefined;

  /** @param cookies the pieces of the `cookie` field, if the platform took it apart; they win over a `cookie` among `values` */
  constructor(values: SingleValues, cookies?: readonly string[]) {
    this.#values = values;
    this.#cookies = cookies;
  }

  get(name: string): string | undefined {
    if (name === 'cookie' && this.#cookies !== undefined) return this.#cookies.join('; ');
    // What an object inherits (`constructor`) is no string.
    const value: unknown = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  getAll(name: string): readonly string[] {
    const value = this.get(name);
    return value === undefined ? none : [value];
  }

  flat(): readonly string[] {
    if (this.#flat === undefined) {
      const flat: string[] = [];
      for (const name of Object.keys(this.#values)) {
        if (name !== 'cookie' || this.#cookies === undefined) flat.push(name, this.#values[name] ?? '');
      }
      if (this.#cookies !== undefined) flat.push('cookie', this.#cookies.join('; '));
      this.#flat = flat;
    }
    return this.#flat;
  }
}

/** The fields of an event that holds all values of a name, names as the client wrote them, read in place. */
export class MultiValueHeaders implements HeaderFields {
  readonly #values: MultiValues;
  #flat: readonly string[] | undefined;

  constructor(values: MultiValues) {
    this.#values = values;
  }

  get(name: string): string | undefined {
    let found: string | undefined;
    for (const key in this.#values) {
      if (!isNamed(key, name)) continue;
      for (const value of this.#values[key] ?? none) found = found === undefined ? value : joinValues(name, found, value);
    }
    return found;
  }

  getAll(name: string): readonly string[] {
    const found: string[] = [];
    for (const key in this.#values) if (isNamed(key, name)) found.push(...(this.#values[key] ?? none));
    return found;
  }

  flat(): readonly string[] {
    if (this.#flat === undefined) {
      const flat: string[] = [];
      for (const key of Object.keys(this.#values)) {
        const name = key.toLowerCase();
        for (const value of this.#values[key] ?? none) flat.push(name, value);
      }
      this.#flat = flat;
    }
    return this.#flat;
  }
}

/** Most names differ in length already, which costs nothing to see. */
function isNamed(key: string, name: string): boolean {
  return key.length === name.length && (key === name || key.toLowerCase() === name);
}
