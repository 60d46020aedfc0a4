import { readRequestHost } from './host-pattern.ts';
import type { HostPattern } from './host-pattern.ts';

/** Values by host pattern, found by the labels of a host name from the right. */
export class HostTrie<Value> {
  readonly #make: () => Value;
  readonly #exact = new Map<string, Value>();
  readonly #below = new Map<string, Value>();
  #any: Value | undefined;
  #usesPorts = false;

  constructor(make: () => Value) {
    this.#make = make;
  }

  /** The value of a pattern, made when it is new; of every host without one. */
  at(pattern: HostPattern | undefined): Value {
    if (pattern === undefined) return (this.#any ??= this.#make());
    if (pattern.port !== undefined) this.#usesPorts = true;
    const values = pattern.wildcard ? this.#below : this.#exact;
    const key = pattern.port === undefined ? pattern.host : `${pattern.host}:${pattern.port}`;
    const known = values.get(key);
    if (known !== undefined) return known;
    const made = this.#make();
    values.set(key, made);
    return made;
  }

  /** The values of every pattern that an authority fits. At most two for each label and one. */
  find(authority: string): readonly Value[] {
    const found: Value[] = [];
    if (this.#exact.size > 0 || this.#below.size > 0) {
      const { host, port } = readRequestHost(authority);
      this.#add(this.#exact, host, port, found);
      if (this.#below.size > 0) {
        for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
          if (dot > 0) this.#add(this.#below, host.slice(dot + 1), port, found);
        }
      }
    }
    if (this.#any !== undefined) found.push(this.#any);
    return found;
  }

  #add(values: ReadonlyMap<string, Value>, host: string, port: string | undefined, found: Value[]): void {
    const value = values.get(host);
    if (value !== undefined) found.push(value);
    if (!this.#usesPorts || port === undefined) return;
    const ofPort = values.get(`${host}:${port}`);
    if (ofPort !== undefined) found.push(ofPort);
  }
}
