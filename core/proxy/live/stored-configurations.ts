import type { Clock, EpochMillis } from '../../ports/clock.ts';
import type { Crypto } from '../../ports/crypto.ts';
import { PortError } from '../../ports/errors.ts';
import type { CallOptions, KeyValueStore, RecordKey, StoredRecord } from '../../ports/key-value-store.ts';
import { canonicalJson } from '../../text/canonical-json.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import type { GateEpochs, GateEpochsByRoute } from '../migration/gate-names.ts';

/** One pushed configuration: immutable. */
export interface ConfigurationVersion {
  /** Counts pushes, from 1. */
  readonly version: number;
  /** SHA-256 of the document in canonical JSON, base64url. */
  readonly hash: string;
  readonly createdAt: EpochMillis;
  /** Of the document in canonical JSON, UTF-16 units. */
  readonly length: number;
  /** Id of the API key that pushed it. */
  readonly createdBy?: string | undefined;
  /** The version that was active when this one was pushed, 0 for none: where a roll-back leads. */
  readonly after: number;
  /** Gates that it has taken over from the version before. */
  readonly epochs?: GateEpochs | undefined;
  /** The same, as builds before `epochs` wrote it. */
  readonly gates?: GateEpochsByRoute | undefined;
}

/** Gates that a document takes over from what is active, 0 for what was deployed. */
export type GatesAfter = (active: number, options: CallOptions | undefined) => Promise<GateEpochs | undefined>;

/** Which version is served, and which was pushed last. */
export interface ActivePointer {
  /** 0: the deployed configuration, after a roll-back behind the first push. */
  readonly active: number;
  readonly latest: number;
  /** Empty for the deployed one, which the store does not have. */
  readonly hash: string;
  readonly activatedAt: EpochMillis;
}

/** Whether the version that is active, 0 for none, is one the caller knows. */
export type IsExpected = (active: number) => boolean;

export type Activation =
  | { readonly ok: true; readonly pointer: ActivePointer }
  /** Somebody else was faster, or the caller expected another version: `active` is what is served, 0 when nothing was pushed yet. */
  | { readonly ok: false; readonly reason: 'changed'; readonly active: number }
  | { readonly ok: false; readonly reason: 'no-such-version' };

/** The greatest document, UTF-16 units of its canonical JSON; about 10,000 routes. */
export const maxDocumentLength = 4_000_000;

/** The newest versions that are kept; beside them only the one that was active before the last push. */
export const keptVersions = 100;
/** Versions that one `prune` deletes: more than a push adds, so that what has piled up goes, too. */
const prunedAtOnce = 2;

const pointerKey = { partition: 'configuration', id: 'active' };
const versionsPartition = 'configuration.versions';
const partsPartition = 'configuration.parts';
/** Leaves room for the write ids that the retrying layer keeps in the value. */
const partLength = 30_000;

/**
 * The dynamic part of the configuration in the store: versions, their documents cut into parts, and one pointer. Nothing but the pointer is ever changed.
 *
 * The newest `keptVersions` can be activated, and the one that was active before the last push: so the active one always is among them, and what `prune`
 * deletes can be activated by nobody, however late. A version that lost the race for the pointer is one, too.
 */
export class StoredConfigurations {
  readonly #store: KeyValueStore;
  readonly #crypto: Crypto;
  readonly #clock: Clock;

  /** @param store `durable` */
  constructor(store: KeyValueStore, crypto: Crypto, clock: Clock) {
    this.#store = store;
    this.#crypto = crypto;
    this.#clock = clock;
  }

  /** `undefined` when nothing was ever pushed. One small read. */
  async pointer(options?: CallOptions): Promise<ActivePointer | undefined> {
    const record = await this.#store.get(pointerKey, options);
    return record === undefined ? undefined : parsed(record.value);
  }

  /** `undefined` when there is no such version, or not any more. */
  async version(version: number, options?: CallOptions): Promise<ConfigurationVersion | undefined> {
    const record = await this.#store.get({ partition: versionsPartition, id: versionId(version) }, options);
    return record === undefined ? undefined : parsed(record.value);
  }

  /** The document of a version. @throws {PortError} `data_loss`: a part is missing or is not what was written */
  async document({ version, hash, length }: ConfigurationVersion, options?: CallOptions): Promise<ProxyConfiguration> {
    const parts = await Promise.all(partKeys(version, length).map((key) => this.#store.get(key, options)));
    const text = parts.map((part) => part?.value ?? '').join('');
    if (this.#crypto.sha256(text) !== hash) throw new PortError('data_loss', 'configuration.read', { reason: 'PartsDiffer' });
    return parsed(text);
  }

  /** The newest first. */
  async list(limit: number, options?: CallOptions): Promise<readonly ConfigurationVersion[]> {
    const latest = (await this.pointer(options))?.latest ?? 0;
    const numbers = Array.from({ length: Math.min(limit, latest) }, (_, at) => latest - at);
    const found = await Promise.all(numbers.map((number) => this.version(number, options)));
    return found.filter((version) => version !== undefined);
  }

  /**
   * Stores a document as the next version and makes it the active one. Asked again by who did not hear that it was done (the same document, key and
   * expectation), it does nothing and answers the same.
   *
   * @param document checked
   * @param isExpected `undefined` takes any
   * @param gatesAfter default: none
   */
  async push(
    document: ProxyConfiguration,
    isExpected: IsExpected | undefined,
    createdBy: string | undefined,
    options?: CallOptions,
    gatesAfter?: GatesAfter,
  ): Promise<Activation> {
    const text = escapeSurrogates(canonicalJson(document));
    if (text.length > maxDocumentLength) throw new RangeError(`A document has at most ${maxDocumentLength} characters`);
    const hash = this.#crypto.sha256(text);
    const stored = await this.#store.get(pointerKey, options);
    const pointer = stored === undefined ? undefined : parsed<ActivePointer>(stored.value);
    const active = pointer?.active ?? 0;
    if (isExpected?.(active) === false) {
      const last = pointer?.hash === hash ? await this.version(active, options) : undefined;
      const isDone = last !== undefined && last.createdBy === createdBy && isExpected(last.after);
      return isDone && pointer !== undefined ? { ok: true, pointer } : { ok: false, reason: 'changed', active };
    }
    const pushed = { hash, length: text.length, createdBy, after: active, epochs: await gatesAfter?.(active, options) };
    const version = await this.#append(pushed, (pointer?.latest ?? 0) + 1, options);
    await Promise.all(
      partKeys(version, text.length).map((key, at) =>
        this.#store.create({ ...key, value: text.slice(at * partLength, (at + 1) * partLength) }, options),
      ),
    );
    return this.#point({ active: version, latest: version, hash, activatedAt: this.#clock.now() }, stored?.version, options);
  }

  /** Makes a pushed version the active one, 0 the deployed configuration: by default what was active when the active one was pushed. */
  async activate(version: number | undefined, isExpected: IsExpected | undefined, options?: CallOptions): Promise<Activation> {
    const stored = await this.#store.get(pointerKey, options);
    if (stored === undefined) return { ok: false, reason: 'no-such-version' };
    const pointer = parsed<ActivePointer>(stored.value);
    if (isExpected?.(pointer.active) === false) return { ok: false, reason: 'changed', active: pointer.active };
    const number = version ?? (await this.version(pointer.active, options))?.after;
    if (number === undefined) return { ok: false, reason: 'no-such-version' };
    let hash = '';
    if (number !== 0) {
      const wanted = await this.version(number, options);
      if (wanted === undefined || !(await this.#keeps(pointer, options))(number)) return { ok: false, reason: 'no-such-version' };
      // A push that was cut short has left a version without its document.
      await this.document(wanted, options);
      ({ hash } = wanted);
    }
    const next = { ...pointer, active: number, hash, activatedAt: this.#clock.now() };
    return this.#point(next, stored.version, options);
  }

  /** Deletes the oldest of the versions that are not kept, two at the most, and answers how many. To be called after a push. */
  async prune(options?: CallOptions): Promise<number> {
    const pointer = await this.pointer(options);
    if (pointer === undefined || pointer.latest <= keptVersions) return 0;
    const keeps = await this.#keeps(pointer, options);
    // One of them may be kept: what was active before the last push.
    const old = (await this.#oldest(prunedAtOnce + 1, options)).filter(({ id }) => !keeps(Number(id))).slice(0, prunedAtOnce);
    for (const { partition, id, value, version } of old) {
      const { length } = parsed<ConfigurationVersion>(value);
      // The version last: while it is there the rest of it is found again.
      await Promise.all(partKeys(Number(id), length).map((key) => this.#delete(key, options)));
      await this.#store.delete({ partition, id }, version, options);
    }
    return old.length;
  }

  async #oldest(count: number, options: CallOptions | undefined): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    let after: string | undefined;
    do {
      const page = await this.#store.list(versionsPartition, { ...options, limit: count - found.length, after });
      found.push(...page.records);
      after = page.next;
    } while (after !== undefined && found.length < count);
    return found;
  }

  /** What is kept only ever becomes less, but for new versions: a version that is not kept stays so. */
  async #keeps({ latest }: ActivePointer, options: CallOptions | undefined): Promise<(version: number) => boolean> {
    const before = (await this.version(latest, options))?.after;
    return (version) => version > latest - keptVersions || version === before;
  }

  async #delete(key: RecordKey, options: CallOptions | undefined): Promise<void> {
    const record = await this.#store.get(key, options);
    if (record !== undefined) await this.#store.delete(key, record.version, options);
  }

  /** Takes the next free number: a push that lost the race for the pointer has left its version behind. */
  async #append(
    pushed: Omit<ConfigurationVersion, 'createdAt' | 'version'>,
    from: number,
    options: CallOptions | undefined,
  ): Promise<number> {
    for (let version = from; ; version++) {
      const value: ConfigurationVersion = { ...pushed, version, createdAt: this.#clock.now() };
      const record = { partition: versionsPartition, id: versionId(version), value: JSON.stringify(value) };
      if ((await this.#store.create(record, options)).created) return version;
    }
  }

  async #point(next: ActivePointer, version: string | undefined, options: CallOptions | undefined): Promise<Activation> {
    const record = { ...pointerKey, value: JSON.stringify(next) };
    const result =
      version === undefined ? await this.#store.create(record, options) : await this.#store.replace(record, version, options);
    const won = 'created' in result ? result.created : result.replaced;
    if (won) return { ok: true, pointer: next };
    const active = (await this.pointer(options))?.active ?? 0;
    return { ok: false, reason: 'changed', active };
  }
}

/** So that a cut between parts never halves a character; the same JSON otherwise. */
function escapeSurrogates(json: string): string {
  return json.replace(/[\ud800-\udfff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
}

function versionId(version: number): string {
  return String(version).padStart(10, '0');
}

function partKeys(version: number, length: number): readonly RecordKey[] {
  return Array.from({ length: Math.ceil(length / partLength) }, (_, at) => ({
    partition: partsPartition,
    id: `${versionId(version)}.${at}`,
  }));
}

/** What we wrote ourselves. @throws {PortError} `data_loss` */
function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new PortError('data_loss', 'configuration.read', { reason: 'NotJson' });
  }
}
