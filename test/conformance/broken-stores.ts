import { PortError } from '../../core/ports/index.ts';
import type { KeyValueStore, NewRecord, RecordKey, StoredRecord, Version } from '../../core/ports/index.ts';
import { MemoryStore } from '../../core/storage/memory-store.ts';
import { assertKey, assertRecord, checkListOptions } from '../../core/storage/record-key.ts';
import type { Outage } from './key-value-store/fixture.ts';

/** A store with one named fault, and the cases of the suite that must see it. */
export interface BrokenStore {
  readonly fault: string;
  /** Titles of cases. */
  readonly caughtBy: readonly string[];
  /** Makes the store out of a whole one; default whole. */
  readonly store?: (whole: KeyValueStore) => KeyValueStore;
  /** Makes the store whose service is out; default a proper one. */
  readonly outage?: (kind: Outage, proper: KeyValueStore) => KeyValueStore;
}

type Methods = Partial<KeyValueStore>;

/** A store that passes everything on but what is altered. */
function altered(whole: KeyValueStore, methods: Methods): KeyValueStore {
  return {
    get: (key, options) => whole.get(key, options),
    create: (record, options) => whole.create(record, options),
    replace: (record, version, options) => whole.replace(record, version, options),
    delete: (key, version, options) => whole.delete(key, version, options),
    list: (partition, options) => whole.list(partition, options),
    check: (options) => whole.check(options),
    ...methods,
  };
}

const faulty =
  (methods: (whole: KeyValueStore) => Methods) =>
  (whole: KeyValueStore): KeyValueStore =>
    altered(whole, methods(whole));

/** What goes in is changed: the key, the value, anything of a record. */
const writing = (change: (record: NewRecord) => NewRecord): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    create: (record, options) => whole.create(change(record), options),
    replace: (record, version, options) => whole.replace(change(record), version, options),
  }));

const value = (change: (value: string) => string): ((whole: KeyValueStore) => KeyValueStore) =>
  writing((record) => ({ ...record, value: change(record.value) }));

/** Keys are changed before they are used. */
const keys = (change: (key: RecordKey) => RecordKey): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    get: (key, options) => whole.get(change(key), options),
    create: (record, options) => whole.create({ ...record, ...change(record) }, options),
    replace: (record, version, options) => whole.replace({ ...record, ...change(record) }, version, options),
    delete: (key, version, options) => whole.delete(change(key), version, options),
    list: (partition, options) => whole.list(change({ partition, id: 'a' }).partition, options),
  }));

const id = (change: (id: string) => string): ((whole: KeyValueStore) => KeyValueStore) =>
  keys((key) => ({ partition: key.partition, id: change(key.id) }));

const partition = (change: (partition: string) => string): ((whole: KeyValueStore) => KeyValueStore) =>
  keys((key) => ({ partition: change(key.partition), id: key.id }));

/** Some keys are refused by the service. */
const refusing = (refused: RegExp): ((whole: KeyValueStore) => KeyValueStore) =>
  id((text) => {
    if (refused.test(text)) throw new PortError('invalid_argument', 'key-value-store.create');
    return text;
  });

/** What is read is changed. */
const reading = (change: (record: StoredRecord) => StoredRecord | undefined): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    get: async (key, options) => {
      const record = await whole.get(key, options);
      return record && change(record);
    },
    list: async (of, options) => {
      const page = await whole.list(of, options);
      return { ...page, records: page.records.map(change).filter((record) => record !== undefined) };
    },
  }));

/** Versions are made from the record instead of by the store. */
const versions = (name: (record: NewRecord & { readonly version: string }) => Version): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => {
    const named = (record: StoredRecord | undefined): StoredRecord | undefined => record && { ...record, version: name(record) };
    const current = async (key: RecordKey, version: Version): Promise<Version> => {
      const record = await whole.get(key);
      return record !== undefined && name(record) === version ? record.version : '';
    };
    return {
      get: async (key, options) => named(await whole.get(key, options)),
      create: async (record, options) => {
        const result = await whole.create(record, options);
        return result.created
          ? { created: true, version: name({ ...record, version: result.version }) }
          : { created: false, existing: named(result.existing) };
      },
      replace: async (record, version, options) => {
        const result = await whole.replace(record, await current(record, version), options);
        return result.replaced
          ? { replaced: true, version: name({ ...record, version: result.version }) }
          : { replaced: false, existing: named(result.existing) };
      },
      delete: async (key, version, options) => whole.delete(key, await current(key, version), options),
      list: async (of, options) => {
        const page = await whole.list(of, options);
        return { ...page, records: page.records.map((record) => ({ ...record, version: name(record) })) };
      },
    };
  });

/** Versions that take part in comparing only after a change. */
const comparing = (
  change: (version: Version, current: Version | undefined) => Version,
): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    replace: async (record, version, options) =>
      whole.replace(record, change(version, (await whole.get(record))?.version), options),
    delete: async (key, version, options) => whole.delete(key, change(version, (await whole.get(key))?.version), options),
  }));

/** A page is changed on its way out. */
const listing = (change: (page: Page, asked: Asked) => Page): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    list: async (of, options) => change(await whole.list(of, options), { partition: of, ...options }),
  }));

type Page = Awaited<ReturnType<KeyValueStore['list']>>;
type Asked = NonNullable<Parameters<KeyValueStore['list']>[1]> & { readonly partition: string };

/** List options are changed on their way in. */
const asking = (change: (asked: Asked) => Asked): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    list: async (of, options) => {
      const { partition: changed, ...rest } = change({ partition: of, ...options });
      return whole.list(changed, rest);
    },
  }));

/** The pages of a store that reads everything and counts. */
const byCounting = (select: (all: readonly StoredRecord[], asked: Asked) => Page): ((whole: KeyValueStore) => KeyValueStore) =>
  faulty((whole) => ({
    list: async (of, options) => {
      checkListOptions(of, options);
      return select(await everything(whole, of), { partition: of, ...options });
    },
  }));

async function everything(store: KeyValueStore, of: string): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await store.list(of, after === undefined ? { limit: 1_000 } : { limit: 1_000, after });
    all.push(...page.records);
    after = page.next;
  }
  return all;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What writes a record whatever is there. */
async function overwrite(whole: KeyValueStore, record: NewRecord): Promise<Version> {
  for (;;) {
    const existing = await whole.get(record);
    const result = existing === undefined ? await whole.create(record) : await whole.replace(record, existing.version);
    if ('created' in result ? result.created : result.replaced) return (result as { version: Version }).version;
  }
}

async function removeAnyway(whole: KeyValueStore, key: RecordKey): Promise<void> {
  const existing = await whole.get(key);
  if (existing !== undefined) await whole.delete(key, existing.version);
}

function join({ partition: p, id: i }: RecordKey): string {
  return JSON.stringify([p, i]);
}

/** Checks its input, then fails: what a store does whose service is out. */
export function outOfService(
  code: PortError['code'],
  error: (operation: string) => unknown = (operation) => new PortError(code, operation),
): KeyValueStore {
  const fail = async (method: string): Promise<never> => {
    throw error(`key-value-store.${method}`);
  };
  return {
    get: async (key) => {
      assertKey(key);
      return fail('get');
    },
    create: async (record) => {
      assertRecord(record);
      return fail('create');
    },
    replace: async (record) => {
      assertRecord(record);
      return fail('replace');
    },
    delete: async (key) => {
      assertKey(key);
      return fail('delete');
    },
    list: async (of, options) => {
      checkListOptions(of, options);
      return fail('list');
    },
    check: () => fail('check'),
  };
}

/** What each outage is called by a proper store. */
export const properOutages: Readonly<Record<Outage, () => Promise<KeyValueStore>>> = {
  unreachable: async () => outOfService('unavailable'),
  missing: async () => outOfService('failed_precondition'),
  denied: async () => outOfService('permission_denied'),
};

/** A whole store. */
export function wholeStore(): KeyValueStore {
  return new MemoryStore();
}

const outage =
  (kind: Outage, methods: Methods): NonNullable<BrokenStore['outage']> =>
  (asked, proper) =>
    asked === kind ? altered(proper, methods) : proper;

export const brokenStores: readonly BrokenStore[] = [
  // Reading and creating
  {
    fault: 'get of a missing record throws not_found',
    store: faulty((whole) => ({
      get: async (key, options) => {
        const record = await whole.get(key, options);
        if (record === undefined) throw new PortError('not_found', 'key-value-store.get');
        return record;
      },
    })),
    caughtBy: ['get answers undefined for an id that was never written'],
  },
  {
    fault: "records carry the adapter's own fields",
    store: reading((record) => ({ ...record, etag: record.version }) as StoredRecord),
    caughtBy: ['get answers the key, the value and the version that were written, and nothing else'],
  },
  {
    fault: 'get lags one write behind',
    store: faulty((whole) => {
      const before = new Map<string, StoredRecord | undefined>();
      return {
        get: async (key, options) => {
          const now = await whole.get(key, options);
          const answer = before.has(join(key)) ? before.get(join(key)) : now;
          before.set(join(key), now);
          return answer;
        },
      };
    }),
    caughtBy: ['get sees every acknowledged write at once'],
  },
  {
    fault: 'every read names another version',
    store: faulty((whole) => ({
      get: async (key, options) => {
        const record = await whole.get(key, options);
        return record && { ...record, version: `${record.version}#${crypto.randomUUID()}` };
      },
      replace: (record, version, options) => whole.replace(record, version.replace(/#.*/s, ''), options),
      delete: (key, version, options) => whole.delete(key, version.replace(/#.*/s, ''), options),
    })),
    caughtBy: ['get twice answers the same, version included'],
  },
  {
    fault: 'readers get the very object that is stored',
    store: faulty((whole) => {
      const handedOut = new Map<string, StoredRecord>();
      const same = (record: StoredRecord): StoredRecord => {
        const kept = handedOut.get(record.version) ?? { ...record };
        handedOut.set(record.version, kept);
        return kept;
      };
      return {
        get: async (key) => {
          const record = await whole.get(key);
          return record && same(record);
        },
        list: async (of, options) => {
          const page = await whole.list(of, options);
          return { ...page, records: page.records.map(same) };
        },
      };
    }),
    caughtBy: ['changing a record that was handed out changes nothing stored'],
  },
  {
    fault: "the writer's very object is stored",
    store: faulty((whole) => {
      const handedIn = new Map<string, NewRecord>();
      return {
        create: async (record, options) => {
          const result = await whole.create(record, options);
          if (result.created) handedIn.set(result.version, record);
          return result;
        },
        get: async (key, options) => {
          const record = await whole.get(key, options);
          return record && { ...record, value: handedIn.get(record.version)?.value ?? record.value };
        },
      };
    }),
    caughtBy: ['a record that was handed in may be changed afterwards without changing what is stored'],
  },
  {
    fault: 'create answers another version than it stored',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const result = await whole.create(record, options);
        return result.created ? { created: true, version: `${result.version}-new` } : result;
      },
    })),
    caughtBy: ['create of a free key says so and answers the version that get answers'],
  },
  {
    fault: 'create overwrites',
    store: faulty((whole) => ({ create: async (record) => ({ created: true, version: await overwrite(whole, record) }) })),
    caughtBy: ['create of a taken key is refused and leaves the record as it was'],
  },
  {
    fault: 'create refuses, and writes all the same',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const result = await whole.create(record, options);
        if (!result.created) await overwrite(whole, record);
        return result;
      },
    })),
    caughtBy: ['create of a taken key is refused and leaves the record as it was'],
  },
  {
    fault: 'a refused create answers nothing of the record',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const result = await whole.create(record, options);
        return result.created ? result : { created: false, existing: undefined };
      },
    })),
    caughtBy: ['create of a taken key answers the record that has it', 'the `existing` of a refused create is good for a replace'],
  },
  {
    fault: 'a refused create answers the record that was to be written',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const result = await whole.create(record, options);
        return result.created ? result : { created: false, existing: { ...record, version: result.existing?.version ?? '' } };
      },
    })),
    caughtBy: [
      'create of a taken key answers the record that has it',
      'a record past its expiresAt that is not purged yet still has its key',
    ],
  },
  {
    fault: 'create of the same value counts as done',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const result = await whole.create(record, options);
        return !result.created && result.existing?.value === record.value
          ? { created: true, version: result.existing.version }
          : result;
      },
    })),
    caughtBy: ['create of a taken key is refused even with the very same value'],
  },
  {
    fault: 'a deleted record keeps its key',
    store: faulty((whole) => {
      const deleted = new Set<string>();
      return {
        create: async (record, options) =>
          deleted.has(join(record)) ? { created: false, existing: undefined } : whole.create(record, options),
        delete: async (key, version, options) => {
          const result = await whole.delete(key, version, options);
          if (result.deleted) deleted.add(join(key));
          return result;
        },
      };
    }),
    caughtBy: ['create is possible again after a delete'],
  },
  {
    fault: 'create looks, then writes',
    store: faulty((whole) => ({
      create: async (record) => {
        const existing = await whole.get(record);
        await turn();
        return existing === undefined ? { created: true, version: await overwrite(whole, record) } : { created: false, existing };
      },
    })),
    caughtBy: ['of many concurrent creators of one key exactly one wins, and its value stays'],
  },
  {
    fault: 'a create beside another one in the partition is refused',
    store: faulty((whole) => {
      let busy = false;
      return {
        create: async (record, options) => {
          if (busy) return { created: false, existing: undefined };
          busy = true;
          await turn();
          busy = false;
          return whole.create(record, options);
        },
      };
    }),
    caughtBy: ['concurrent creators of different keys all win'],
  },

  // Replacing
  {
    fault: 'replace answers the version before',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const result = await whole.replace(record, version, options);
        return result.replaced ? { replaced: true, version } : result;
      },
    })),
    caughtBy: ['replace on the current version writes the value and answers a new version'],
  },
  {
    fault: 'replace ignores the version',
    store: faulty((whole) => ({
      replace: async (record, version, options) => whole.replace(record, (await whole.get(record))?.version ?? version, options),
    })),
    caughtBy: [
      'replace on a stale version is refused, answers the current record and writes nothing',
      'a refused replace leaves expiresAt alone',
    ],
  },
  {
    fault: 'a refused replace answers nothing of the record',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const result = await whole.replace(record, version, options);
        return result.replaced ? result : { replaced: false, existing: undefined };
      },
    })),
    caughtBy: ['replace on a stale version is refused, answers the current record and writes nothing'],
  },
  {
    fault: 'replace of a missing record creates it',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const result = await whole.replace(record, version, options);
        if (result.replaced || result.existing !== undefined) return result;
        return { replaced: true, version: await overwrite(whole, record) };
      },
    })),
    caughtBy: [
      'replace of a deleted record is refused with no `existing`, and does not bring it back',
      'replace of a record that never was is refused and creates nothing',
    ],
  },
  {
    fault: 'a version is a hash of the value',
    store: versions((record) => `hash of ${record.value}`),
    caughtBy: [
      'a version of another record loses, in the same partition and in another',
      'every replace makes a new version, even one that changes nothing',
      'no version is used twice for a key, not even after delete and create of the same value',
    ],
  },
  {
    fault: 'a write that changes nothing keeps the version',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const existing = await whole.get(record);
        const same = existing?.version === version && existing.value === record.value && existing.expiresAt === record.expiresAt;
        return same ? { replaced: true, version } : whole.replace(record, version, options);
      },
    })),
    caughtBy: ['every replace makes a new version, even one that changes nothing'],
  },
  {
    fault: 'versions count from 1 for every record, again after a delete',
    store: (whole) => {
      const counted = new Map<Version, string>();
      const numbers = new Map<string, number>();
      const number = versions((record) => {
        const known = counted.get(record.version);
        if (known !== undefined) return known;
        const next = (numbers.get(join(record)) ?? 0) + 1;
        numbers.set(join(record), next);
        counted.set(record.version, String(next));
        return String(next);
      })(whole);
      return altered(number, {
        delete: async (key, version, options) => {
          const result = await number.delete(key, version, options);
          if (result.deleted) numbers.delete(join(key));
          return result;
        },
      });
    },
    caughtBy: [
      'no version is used twice for a key, not even after delete and create of the same value',
      'a version from before a delete does not replace the record created since',
      'a version from before a delete does not delete the record created since',
    ],
  },
  {
    fault: 'the version * writes whatever is there',
    store: comparing((version, current) => (version === '*' ? (current ?? '') : version)),
    caughtBy: [
      'replace with a version this store never gave out is a lost race, not an error',
      'delete with a version this store never gave out is a lost race, not an error',
    ],
  },
  {
    fault: 'the empty version writes whatever is there',
    store: comparing((version, current) => (version === '' ? (current ?? '') : version)),
    caughtBy: ['replace with a version this store never gave out is a lost race, not an error'],
  },
  {
    fault: 'a version of foreign form is an error',
    store: comparing((version) => {
      if (!/^\d+$/.test(version)) throw new PortError('invalid_argument', 'key-value-store.replace');
      return version;
    }),
    caughtBy: [
      'replace with a version this store never gave out is a lost race, not an error',
      'delete with a version this store never gave out is a lost race, not an error',
    ],
  },
  {
    fault: 'a missing version writes whatever is there',
    store: comparing((version: Version | undefined, current) => version ?? current ?? ''),
    caughtBy: ['a version that is missing never makes a write unconditional'],
  },
  {
    fault: 'versions are compared as numbers',
    store: comparing((version, current) => (Number(version) === Number(current) ? (current ?? '') : version)),
    caughtBy: ['a current version with something added or cut off loses'],
  },
  {
    fault: 'versions are compared by their beginning',
    store: comparing((version, current) => (current !== undefined && version.startsWith(current) ? current : version)),
    caughtBy: ['a current version with something added or cut off loses'],
  },
  {
    fault: 'replace writes every record of that id, whatever the partition',
    store: faulty((whole) => {
      const partitions = new Set<string>();
      return {
        create: (record, options) => {
          partitions.add(record.partition);
          return whole.create(record, options);
        },
        replace: async (record, version, options) => {
          const result = await whole.replace(record, version, options);
          for (const other of partitions) {
            const there = await whole.get({ partition: other, id: record.id });
            if (result.replaced && there !== undefined && other !== record.partition)
              await overwrite(whole, { ...record, partition: other });
          }
          return result;
        },
      };
    }),
    caughtBy: ['replace touches no other record'],
  },
  {
    fault: 'replace looks at the version, then writes',
    store: faulty((whole) => ({
      replace: async (record, version) => {
        const existing = await whole.get(record);
        await turn();
        return existing?.version === version
          ? { replaced: true, version: await overwrite(whole, record) }
          : { replaced: false, existing };
      },
    })),
    caughtBy: [
      'of many concurrent replaces on one version exactly one wins, and its value stays',
      'no update is lost when many callers read, add one and replace until they win',
      'of a replace and a delete on one version exactly one wins',
    ],
  },

  // Deleting
  {
    fault: 'delete says so and deletes nothing',
    store: faulty((whole) => ({
      delete: async (key, version) => ({ deleted: (await whole.get(key))?.version === version }),
    })),
    caughtBy: ['delete on the current version removes the record', 'list sees every acknowledged write at once'],
  },
  {
    fault: 'delete ignores the version',
    store: faulty((whole) => ({
      delete: async (key, version, options) => whole.delete(key, (await whole.get(key))?.version ?? version, options),
    })),
    caughtBy: [
      'delete on a stale version is refused and leaves the record as it was',
      'a version from before a delete does not delete the record created since',
    ],
  },
  {
    fault: 'delete of a missing record throws not_found',
    store: faulty((whole) => ({
      delete: async (key, version, options) => {
        if ((await whole.get(key)) === undefined) throw new PortError('not_found', 'key-value-store.delete');
        return whole.delete(key, version, options);
      },
    })),
    caughtBy: ['delete of a record that is not there answers false and is no error', 'delete a second time answers false'],
  },
  {
    fault: 'delete of a missing record counts as deleted',
    store: faulty((whole) => ({
      delete: async (key, version, options) => {
        const { deleted } = await whole.delete(key, version, options);
        return { deleted: deleted || (await whole.get(key)) === undefined };
      },
    })),
    caughtBy: [
      'delete of a record that is not there answers false and is no error',
      'delete a second time answers false',
      'of many concurrent deletes on one version exactly one wins',
    ],
  },
  {
    fault: 'delete takes along what starts with the id',
    store: faulty((whole) => ({
      delete: async (key, version, options) => {
        const result = await whole.delete(key, version, options);
        if (result.deleted)
          for (const other of (await whole.list(key.partition, { prefix: key.id })).records) await removeAnyway(whole, other);
        return result;
      },
    })),
    caughtBy: ['delete touches no other record'],
  },
  {
    fault: 'delete looks at the version, then deletes',
    store: faulty((whole) => ({
      delete: async (key, version) => {
        const deleted = (await whole.get(key))?.version === version;
        await turn();
        if (deleted) await removeAnyway(whole, key);
        return { deleted };
      },
    })),
    caughtBy: [
      'of many concurrent deletes on one version exactly one wins',
      'of a replace and a delete on one version exactly one wins',
    ],
  },
  {
    fault: 'a delete beside a create of the key is given up as lost',
    store: faulty((whole) => {
      let creating = 0;
      return {
        create: async (record, options) => {
          creating++;
          await turn();
          creating--;
          return whole.create(record, options);
        },
        delete: async (key, version, options) => (creating > 0 ? { deleted: false } : whole.delete(key, version, options)),
      };
    }),
    caughtBy: ['a create beside a delete of the same key either comes after it or is refused'],
  },

  // Keys
  {
    fault: 'ids are percent-decoded',
    store: id((text) => {
      try {
        return decodeURIComponent(text);
      } catch {
        return text;
      }
    }),
    caughtBy: ['ids with / \\ # ? % and & = + ; : are kept exactly and are different records'],
  },
  {
    fault: 'ids are pasted into a filter between quotes',
    store: refusing(/'/),
    caughtBy: ['ids with quotes, brackets and what a query language uses are kept exactly and are different records'],
  },
  {
    fault: 'ids end at NUL',
    store: id((text) => text.replace(/(?<=.)\0.*/s, '')),
    caughtBy: ['ids with control characters are kept exactly and are different records'],
  },
  {
    fault: 'ids are trimmed',
    store: id((text) => text.trim() || text),
    caughtBy: ['ids with spaces at either end, and of spaces alone are kept exactly and are different records'],
  },
  {
    fault: 'the ids . and .. are refused',
    store: refusing(/^\.\.?$/),
    caughtBy: ['ids of dots and with dots at either end are kept exactly and are different records'],
  },
  {
    fault: 'ids like __this__ are refused',
    store: refusing(/^__.*__$/),
    caughtBy: ['ids of underscores and between them are kept exactly and are different records'],
  },
  {
    fault: 'ids are escaped but for the escape character',
    store: id((text) => text.replace(/^[._]/, (character) => `~${character.charCodeAt(0).toString(16).toUpperCase()}`)),
    caughtBy: ['ids that are other names of themselves when escaped are kept exactly and are different records'],
  },
  {
    fault: 'ids outside the basic plane become replacement characters',
    store: id((text) => text.replace(/[\u{10000}-\u{10ffff}]/gu, '\ufffd')),
    caughtBy: ['ids of any script, outside the basic plane and at its ends are kept exactly and are different records'],
  },
  {
    fault: 'ids are normalised to NFC',
    store: id((text) => text.normalize('NFC')),
    caughtBy: ['ids that differ in Unicode normal form only are kept exactly and are different records'],
  },
  {
    fault: 'ids are compared without regard to case',
    store: id((text) => text.toLowerCase()),
    caughtBy: ['ids that differ in case only are kept exactly and are different records'],
  },
  {
    fault: 'ids that look like numbers are numbers',
    store: id((text) => (/^[+-]?\d/.test(text) && !Number.isNaN(Number(text)) ? String(Number(text)) : text)),
    caughtBy: ['ids that look like numbers, dates or nothing are kept exactly and are different records'],
  },
  {
    fault: 'ids are properties of a plain object',
    store: faulty((whole) => ({
      create: async (record, options) =>
        record.id in {} ? { created: false, existing: undefined } : whole.create(record, options),
    })),
    caughtBy: ["ids that name properties of JavaScript's objects are kept exactly and are different records"],
  },
  {
    fault: 'ids are cut at 128 characters',
    store: id((text) => (text.isWellFormed() && text.length <= 170 ? text.slice(0, 128).toWellFormed() : text)),
    caughtBy: ['ids of the greatest length are kept exactly, whatever they are made of, and differ in the last byte alone'],
  },
  {
    fault: 'ids over 255 characters when escaped are refused',
    store: refusing(/^.{86,}$/su),
    caughtBy: ['ids of the greatest length are kept exactly, whatever they are made of, and differ in the last byte alone'],
  },
  {
    fault: 'partitions are compared without regard to case',
    store: partition((text) => text.toLowerCase()),
    caughtBy: ['partitions with any character are kept exactly and are different partitions'],
  },
  {
    fault: 'partitions are cut at 128 characters',
    store: partition((text) => (text.length <= 170 ? text.slice(0, 128) : text)),
    caughtBy: ['partitions of the greatest length are kept exactly and differ in the last byte alone'],
  },
  {
    fault: 'there is one partition only',
    store: keys((key) => (key.partition.startsWith('conformance') ? { partition: 'all', id: key.id } : key)),
    caughtBy: ['one id in two partitions is two records', 'delete touches no other record'],
  },
  {
    fault: 'partition and id are joined with a slash',
    store: keys((key) => {
      const joined = `${key.partition}/${key.id}`;
      return { partition: joined.slice(0, joined.lastIndexOf('/')), id: joined.slice(joined.lastIndexOf('/') + 1) };
    }),
    caughtBy: ['partition and id are never joined so that two keys become one'],
  },

  // Values
  {
    fault: 'an empty value reads as absent',
    store: reading((record) => (record.value === '' ? undefined : record)),
    caughtBy: ['the empty value is kept and is not the same as absence'],
  },
  {
    fault: 'values are cut at 32,767',
    store: value((text) => (text.length === 32_768 ? text.slice(0, -1).toWellFormed() : text)),
    caughtBy: [
      'a value of the greatest length is kept, in one-byte characters',
      'a value of the greatest length is kept, in three-byte characters',
      'a value of the greatest length is kept, in surrogate pairs',
    ],
  },
  {
    fault: 'values over 64 KB are refused',
    store: value((text) => {
      if (new TextEncoder().encode(text).length > 65_535) throw new PortError('out_of_range', 'key-value-store.create');
      return text;
    }),
    caughtBy: [
      'a value of the greatest length is kept, in three-byte characters',
      'a value of the greatest length is kept, in surrogate pairs',
      'a list of values of the greatest length is answered whole, every record exactly once',
    ],
  },
  {
    fault: 'values over 64 KB when written as JSON are refused',
    store: value((text) => {
      if (JSON.stringify(text).length > 65_535) throw new PortError('out_of_range', 'key-value-store.create');
      return text;
    }),
    caughtBy: ['a value of the greatest length is kept, in characters that JSON and XML escape'],
  },
  {
    fault: 'line ends are made alike',
    store: value((text) => text.replaceAll(/\r\n?/g, '\n')),
    caughtBy: ['line ends and tabs are kept'],
  },
  {
    fault: 'values end at NUL',
    store: value((text) => text.replace(/\0.*/s, '')),
    caughtBy: ['control characters are kept, NUL included'],
  },
  { fault: 'values are trimmed', store: value((text) => text.trim()), caughtBy: ['spaces at either end are kept'] },
  {
    fault: 'a byte order mark is dropped on reading',
    store: reading((record) => ({ ...record, value: record.value.replace(/^\ufeff/, '') })),
    caughtBy: ['spaces at either end are kept'],
  },
  {
    fault: 'quotes are escaped and not unescaped',
    store: value((text) => text.replaceAll("'", "''")),
    caughtBy: ['quotes, backslashes and markup are kept'],
  },
  {
    fault: 'numbers are stored as numbers',
    store: value((text) => (/^-?\d+(?:\.\d+)?$/.test(text) ? String(Number(text)) : text)),
    caughtBy: ['text that looks like another type is kept as text'],
  },
  {
    fault: 'JSON is parsed and written anew',
    store: value((text) => {
      try {
        return JSON.stringify(JSON.parse(text));
      } catch {
        return text;
      }
    }),
    caughtBy: ['text that looks like JSON is kept byte for byte'],
  },
  {
    fault: 'values are normalised to NFC',
    store: value((text) => text.normalize('NFC')),
    caughtBy: ['characters of any script are kept, in the normal form they came in'],
  },
  {
    fault: 'a long value is stored in chunks, and a shorter one leaves the old chunks behind it',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const before = (await whole.get(record))?.value ?? '';
        return whole.replace(
          { ...record, value: record.value + before.slice(Math.max(record.value.length, 16_384)) },
          version,
          options,
        );
      },
    })),
    caughtBy: ['a shorter value leaves nothing of the longer one before it'],
  },

  // Misuse
  {
    fault: 'an empty key part is taken',
    store: keys((key) => ({ partition: key.partition === '' ? 'empty' : key.partition, id: key.id === '' ? 'empty' : key.id })),
    caughtBy: ['an empty partition or id is a TypeError'],
  },
  {
    fault: 'a lone surrogate in a key becomes a replacement character',
    store: keys((key) => ({ partition: String(key.partition).toWellFormed(), id: String(key.id).toWellFormed() })),
    caughtBy: ['a partition or id that is no well-formed Unicode is a TypeError'],
  },
  {
    fault: 'key parts are made strings of',
    store: keys((key) => ({ partition: String(key.partition), id: String(key.id) })),
    caughtBy: ['a partition or id that is no string is a TypeError'],
  },
  {
    fault: 'the length of a key part is counted in characters',
    store: keys((key) => ({
      partition: key.partition.length > 170 ? key.partition : key.partition.replace(/^(\P{ASCII})+$/su, 'x'),
      id: key.id.length > 170 ? key.id : key.id.replace(/^(\P{ASCII})+$/su, 'x'),
    })),
    caughtBy: ['a partition or id over the greatest length in bytes is a RangeError'],
  },
  {
    fault: 'a lone surrogate in a value becomes a replacement character',
    store: value((text) => (typeof text === 'string' ? text.toWellFormed() : text)),
    caughtBy: ['a value that is no well-formed Unicode is a TypeError and is not written'],
  },
  {
    fault: 'values are made strings of',
    store: value((text) => String(text)),
    caughtBy: ['a value that is no string is a TypeError and is not written'],
  },
  {
    fault: 'a longer value is cut',
    store: value((text) => (text.length > 32_768 ? text.slice(0, 32_768).toWellFormed() : text)),
    caughtBy: ['a value over the greatest length is a RangeError and is not written'],
  },
  {
    fault: 'an expiresAt that is no instant is left out',
    store: writing(({ expiresAt, ...record }) =>
      expiresAt !== undefined && !(expiresAt >= 0 && expiresAt < 253_402_300_800_000) ? record : { ...record, expiresAt },
    ),
    caughtBy: ['an expiresAt that is no whole millisecond from 1970 to 9999 is a RangeError and nothing is written'],
  },
  {
    fault: 'a limit is brought into its range',
    store: asking((asked) => ({ ...asked, limit: Math.min(1_000, Math.max(1, Math.trunc(asked.limit ?? 100) || 1)) })),
    caughtBy: ['a list limit outside 1 to the greatest is a RangeError'],
  },
  {
    fault: 'an empty `after` is the beginning',
    store: asking(({ after, ...asked }) => (after === undefined || after === '' ? asked : { ...asked, after })),
    caughtBy: ['a list prefix or `after` that can be no id is a TypeError or, too long, a RangeError'],
  },
  {
    fault: 'replace is a delete and a create, and the create is refused after the delete',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const { deleted } = await whole.delete(record, version, options);
        const result = deleted ? await whole.create(record, options) : undefined;
        return result?.created === true
          ? { replaced: true, version: result.version }
          : { replaced: false, existing: await whole.get(record) };
      },
    })),
    caughtBy: ['a refused replace leaves the record as it was'],
  },

  // Listing
  {
    fault: 'list of an empty partition throws not_found',
    store: listing((page) => {
      if (page.records.length === 0) throw new PortError('not_found', 'key-value-store.list');
      return page;
    }),
    caughtBy: ['list of an empty partition answers no records and no next'],
  },
  {
    fault: 'list leaves expiresAt out',
    store: listing((page) => ({ ...page, records: page.records.map(({ expiresAt: _, ...record }) => record) })),
    caughtBy: [
      'list answers every record of the partition just as get does',
      'expiresAt is kept exactly to the millisecond, by create, get, list and a refused create',
    ],
  },
  {
    fault: 'list leaves the last record of a page out',
    store: listing((page) => ({ ...page, records: page.records.slice(0, -1) })),
    caughtBy: ['list answers every record of the partition just as get does'],
  },
  {
    fault: 'list takes the partition for a prefix of partitions',
    store: faulty((whole) => {
      const partitions = new Set<string>();
      return {
        create: (record, options) => {
          partitions.add(record.partition);
          return whole.create(record, options);
        },
        list: async (of, options) => {
          const own = await whole.list(of, options);
          const others = await Promise.all(
            [...partitions].filter((other) => other !== of && other.startsWith(of)).map((other) => everything(whole, other)),
          );
          return { ...own, records: [...own.records, ...others.flat()] };
        },
      };
    }),
    caughtBy: ['list answers the records of this partition only'],
  },
  {
    fault: 'list answers in the order of writing',
    store: byCounting((all, { limit = 100, after }) => {
      const ordered = all.toSorted((a, b) => Number(a.version) - Number(b.version));
      const from = ordered.findIndex((record) => record.id === after) + 1;
      const records = ordered.slice(from, from + limit);
      return { records, next: from + limit < ordered.length ? records.at(-1)?.id : undefined };
    }),
    caughtBy: [
      'list answers in ascending order of the encoded ids',
      'pages of any size keep the order of the encoded ids',
      '`after` need not exist, and after the last there is nothing',
      '`after` of a record that was deleted since goes on where it was',
    ],
  },
  {
    fault: 'list answers in the order of UTF-16',
    store: listing((page) => ({ ...page, records: page.records.toSorted((a, b) => (a.id < b.id ? -1 : 1)) })),
    caughtBy: ['list answers in ascending order of the encoded ids'],
  },
  {
    fault: 'list lags one write behind',
    store: faulty((whole) => {
      const before = new Map<string, Page>();
      return {
        list: async (of, options) => {
          const now = await whole.list(of, options);
          const answer = before.get(of) ?? now;
          before.set(of, now);
          return answer;
        },
      };
    }),
    caughtBy: ['list sees every acknowledged write at once'],
  },
  {
    fault: 'list answers versions of its own',
    store: listing((page) => ({
      ...page,
      records: page.records.map((record) => ({ ...record, version: `listed-${record.version}` })),
    })),
    caughtBy: ['a version that list answers is good for a replace and a delete'],
  },
  {
    fault: 'the prefix is looked for anywhere in the id',
    store: byCounting((all, { prefix = '', after = '' }) => ({
      records: all.filter(({ id: found }) => found.includes(prefix) && found > after),
    })),
    caughtBy: [
      'prefix answers the ids that start with it, itself included, and no others',
      'a page has at most `limit` records, 100 when it is not given',
    ],
  },
  {
    fault: 'the prefix is a LIKE pattern',
    store: byCounting((all, { prefix = '' }) => {
      const pattern = new RegExp(
        `^${prefix
          .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
          .replaceAll('%', '.*')
          .replaceAll('_', '.')}`,
        's',
      );
      return { records: all.filter(({ id: found }) => pattern.test(found)) };
    }),
    caughtBy: ['a prefix is taken literally and byte for byte, whatever it is made of'],
  },
  {
    fault: 'the prefix is ignored',
    store: asking(({ prefix: _, ...asked }) => asked),
    caughtBy: ['prefix answers the ids that start with it, itself included, and no others'],
  },
  {
    fault: 'the prefix is applied after the limit, and an empty page ends the list',
    store: faulty((whole) => ({
      list: async (of, options = {}) => {
        const { prefix = '', ...rest } = options;
        const page = await whole.list(of, rest);
        const records = page.records.filter(({ id: found }) => found.startsWith(prefix));
        return records.length === 0 ? { records } : { ...page, records };
      },
    })),
    caughtBy: ['a prefix is paged like everything else'],
  },
  {
    fault: '`after` is inclusive',
    store: byCounting((all, { after, prefix = '', limit = 100 }) => {
      const from =
        after === undefined
          ? 0
          : Math.max(
              0,
              all.findIndex(({ id: found }) => found === after),
            );
      const records = all.slice(from).filter(({ id: found }) => found.startsWith(prefix));
      return { records: records.slice(0, limit), next: records.length > limit ? records[limit - 1]?.id : undefined };
    }),
    caughtBy: ['`after` is exclusive'],
  },
  {
    fault: '`after` is ignored where there is a prefix',
    store: asking(({ after, ...asked }) => (after === undefined || asked.prefix !== undefined ? asked : { ...asked, after })),
    caughtBy: ['`after` and prefix hold both, wherever `after` lies'],
  },
  {
    fault: '`after` outside the prefix begins anew',
    store: asking(({ after, ...asked }) =>
      after === undefined || !after.startsWith(asked.prefix ?? '') ? asked : { ...asked, after },
    ),
    caughtBy: ['`after` and prefix hold both, wherever `after` lies'],
  },
  {
    fault: 'a page has one record more than its limit',
    store: asking((asked) => ({ ...asked, limit: Math.min(1_000, (asked.limit ?? 100) + 1) })),
    caughtBy: ['a page has at most `limit` records, 100 when it is not given'],
  },
  {
    fault: '`next` is missing when the page is full',
    store: listing((page, { limit = 100 }) => (page.records.length === limit ? { records: page.records } : page)),
    caughtBy: ['`next` is absent at the end and only there, whatever the page size'],
  },
  {
    fault: '`next` never ends',
    store: listing((page, { after }) => ({ ...page, next: page.next ?? page.records.at(-1)?.id ?? after ?? 'a' })),
    caughtBy: [
      '`next` is absent at the end and only there, whatever the page size',
      'list of an empty partition answers no records and no next',
    ],
  },
  {
    fault: '`next` skips a record',
    store: faulty((whole) => ({
      list: async (of, options) => {
        const page = await whole.list(of, options);
        if (page.next === undefined) return page;
        return { ...page, next: (await whole.list(of, { ...options, after: page.next, limit: 1 })).records[0]?.id };
      },
    })),
    caughtBy: ['a list longer than any page is answered whole, every record exactly once'],
  },
  {
    fault: 'a list ends at 1,000 records',
    store: byCounting((all, { after = '', limit = 100 }) => {
      const rest = all.slice(0, 1_000).filter(({ id: found }) => found > after);
      return { records: rest.slice(0, limit), next: rest.length > limit ? rest[limit - 1]?.id : undefined };
    }),
    caughtBy: ['a list longer than any page is answered whole, every record exactly once'],
  },
  {
    fault: 'a page ends at 1 MB, and so does the list',
    store: listing((page) => {
      let bytes = 0;
      const records = page.records.filter((record) => (bytes += record.value.length * 3) <= 1_000_000);
      return records.length < page.records.length ? { records } : page;
    }),
    caughtBy: ['a list of values of the greatest length is answered whole, every record exactly once'],
  },
  {
    fault: 'the place in a list is kept as a number of records',
    store: (whole) => {
      const places = new Map<string, number>();
      return byCounting((all, { partition: of, after, limit = 100 }) => {
        const from = after === undefined ? 0 : (places.get(`${of} ${after}`) ?? 0);
        const records = all.slice(from, from + limit);
        const next = from + limit < all.length ? records.at(-1)?.id : undefined;
        places.set(`${of} ${next}`, from + limit);
        return { records, next };
      })(whole);
    },
    caughtBy: [
      'what is there during a whole scan appears exactly once, whatever comes and goes between the pages',
      'what is there during a whole scan appears exactly once while others write at the same time',
    ],
  },

  // Expiry
  {
    fault: 'a record without expiresAt reads as one that expires at 0',
    store: reading((record) => ({ ...record, expiresAt: record.expiresAt ?? 0 })),
    caughtBy: ['a record without expiresAt is given back without'],
  },
  {
    fault: 'expiresAt is rounded up to seconds',
    store: writing((record) =>
      record.expiresAt === undefined
        ? record
        : { ...record, expiresAt: Math.min(Math.ceil(record.expiresAt / 1_000) * 1_000, 253_402_300_799_999) },
    ),
    caughtBy: ['expiresAt is kept exactly to the millisecond, by create, get, list and a refused create'],
  },
  {
    fault: 'expiresAt is kept in 32-bit seconds',
    store: reading((record) =>
      record.expiresAt === undefined ? record : { ...record, expiresAt: record.expiresAt % 4_294_967_296_000 },
    ),
    caughtBy: ['expiresAt is kept exactly to the millisecond, by create, get, list and a refused create'],
  },
  {
    fault: 'replace without expiresAt keeps the one before',
    store: faulty((whole) => ({
      replace: async (record, version, options) =>
        whole.replace({ ...record, expiresAt: record.expiresAt ?? (await whole.get(record))?.expiresAt }, version, options),
    })),
    caughtBy: ['replace writes expiresAt too: another one, a first one, or none'],
  },
  {
    fault: 'the adapter hides what has expired',
    store: reading((record) => (record.expiresAt !== undefined && record.expiresAt <= Date.now() ? undefined : record)),
    caughtBy: ['a record past its expiresAt that is not purged yet is read and listed like any other'],
  },
  {
    fault: 'the adapter lets a create take over what has expired',
    store: faulty((whole) => ({
      create: async (record, options) => {
        const existing = await whole.get(record);
        if (existing?.expiresAt !== undefined && existing.expiresAt <= Date.now()) await removeAnyway(whole, record);
        return whole.create(record, options);
      },
    })),
    caughtBy: ['a record past its expiresAt that is not purged yet still has its key'],
  },
  {
    fault: 'the adapter refuses to change what has expired',
    store: faulty((whole) => ({
      replace: async (record, version, options) => {
        const existing = await whole.get(record);
        const expired = existing?.expiresAt !== undefined && existing.expiresAt <= Date.now();
        return expired ? { replaced: false, existing: undefined } : whole.replace(record, version, options);
      },
    })),
    caughtBy: ['a record past its expiresAt that is not purged yet is replaced and deleted on its version'],
  },

  // Calls
  {
    fault: 'check fails on a store that is ready',
    store: faulty(() => ({
      check: async () => {
        throw new PortError('permission_denied', 'key-value-store.check');
      },
    })),
    caughtBy: ['check resolves when the store is ready'],
  },
  {
    fault: 'signals are ignored',
    store: faulty((whole) => ({
      get: (key) => whole.get(key),
      create: (record) => whole.create(record),
      replace: (record, version) => whole.replace(record, version),
      delete: (key, version) => whole.delete(key, version),
    })),
    caughtBy: [
      'a signal that has aborted makes every operation fail with cancelled',
      'a write cancelled before it began leaves the store as it was',
    ],
  },
  {
    fault: 'a signal that aborts under way is thrown as it is',
    store: faulty((whole) => ({
      get: async (key, options) => {
        const record = await whole.get(key);
        options?.signal?.throwIfAborted();
        return record;
      },
    })),
    caughtBy: ['a signal that aborts under way ends every operation, with its answer or with cancelled'],
  },
  {
    fault: 'any signal counts as aborted',
    store: faulty((whole) => ({
      get: async (key, options) => {
        if (options?.signal !== undefined) throw new PortError('cancelled', 'key-value-store.get');
        return whole.get(key, options);
      },
    })),
    caughtBy: ['a signal that does not abort, and a deadline to come, change nothing'],
  },
  {
    fault: 'get answers undefined when the service is unreachable',
    outage: outage('unreachable', { get: async () => undefined }),
    caughtBy: ['an unreachable service is a retryable error of every operation, never an answer'],
  },
  {
    fault: 'list answers nothing when the service is unreachable',
    outage: outage('unreachable', { list: async () => ({ records: [] }) }),
    caughtBy: ['an unreachable service is a retryable error of every operation, never an answer'],
  },
  {
    fault: 'a create that the service did not answer counts as refused',
    outage: outage('unreachable', { create: async () => ({ created: false, existing: undefined }) }),
    caughtBy: ['an unreachable service is a retryable error of every operation, never an answer'],
  },
  {
    fault: 'check does not ask the service',
    outage: outage('unreachable', { check: async () => {} }),
    caughtBy: ['an unreachable service is a retryable error of every operation, never an answer'],
  },
  {
    fault: 'an unreachable service is internal, which nobody retries',
    outage: (kind, proper) => (kind === 'unreachable' ? outOfService('internal') : proper),
    caughtBy: ['an unreachable service is a retryable error of every operation, never an answer'],
  },
  {
    fault: 'a missing table reads as a missing record',
    outage: outage('missing', { get: async () => undefined, delete: async () => ({ deleted: false }) }),
    caughtBy: ['a missing table is failed_precondition for every operation, never absence'],
  },
  {
    fault: 'refused credentials read as a missing record',
    outage: outage('denied', { get: async () => undefined }),
    caughtBy: ['refused credentials are permission_denied or unauthenticated for every operation, never absence'],
  },
  {
    fault: 'the service is asked before misuse is judged',
    outage: outage('unreachable', {
      create: async () => {
        throw new PortError('unavailable', 'key-value-store.create');
      },
    }),
    caughtBy: ['misuse is judged before the service is asked'],
  },
  {
    fault: 'an error repeats the request',
    outage: outage('unreachable', {
      create: async (record) => {
        throw new PortError('unavailable', 'key-value-store.create', { reason: `refused: ${JSON.stringify(record)}` });
      },
    }),
    caughtBy: ['an error of the service holds no key, no value and no cause'],
  },
  {
    fault: "an error carries the client library's error as its cause",
    outage: (kind, proper) =>
      kind === 'unreachable'
        ? outOfService('unavailable', (operation) =>
            Object.assign(new PortError('unavailable', operation), { cause: new Error('socket') }),
          )
        : proper,
    caughtBy: ['an error of the service holds no key, no value and no cause'],
  },
];
