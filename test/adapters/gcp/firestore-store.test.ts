import { randomUUID } from 'node:crypto';
import { Firestore, Timestamp } from '@google-cloud/firestore';
import { describe, expect, inject, test } from 'vitest';
import { FirestoreStore } from '../../../adapters/gcp/firestore-store.ts';

const legs = inject('emulators');
const hosts = [legs.firestore, legs['firestore-google']].filter((host) => host !== undefined);

describe.each(hosts)('on %s', (emulatorHost) => {
  const store = new FirestoreStore({ projectId: 'project', collection: 'records', emulatorHost, attemptTimeoutMs: 30_000 });
  const raw = new Firestore({ projectId: 'project', host: emulatorHost, ssl: false });
  const key = (): { partition: string; id: string } => ({ partition: randomUUID(), id: 'a' });

  test('a record is one document: encoded key, the value, a write id, the expiry as an exact timestamp', async () => {
    const { partition } = key();
    await store.create({ partition, id: 'a/b', value: 'text', expiresAt: 253_402_300_799_999 });
    const document = await raw.doc(`records/${partition}!a~2Fb`).get();
    expect(document.data()).toEqual({
      value: 'text',
      write: expect.stringMatching(/^[0-9a-f-]{36}$/),
      expiresAt: new Timestamp(253_402_300_799, 999_000_000),
    });
  });

  test('a replace without expiresAt removes the field, so that the service purges no more', async () => {
    const at = key();
    const created = await store.create({ ...at, value: '1', expiresAt: 1 });
    if (!created.created) throw new Error('taken');
    await store.replace({ ...at, value: '2' }, created.version);
    expect((await raw.doc(`records/${at.partition}!a`).get()).data()).not.toHaveProperty('expiresAt');
  });

  test('every write has a write id of its own, so that one that changes nothing has a new version', async () => {
    const at = key();
    const created = await store.create({ ...at, value: 'same' });
    if (!created.created) throw new Error('taken');
    const before = (await raw.doc(`records/${at.partition}!a`).get()).get('write');
    await store.replace({ ...at, value: 'same' }, created.version);
    expect((await raw.doc(`records/${at.partition}!a`).get()).get('write')).not.toBe(before);
  });

  test('a document that holds no value is data_loss, read and listed', async () => {
    const at = key();
    await raw.doc(`records/${at.partition}!a`).set({ other: 1 });
    await expect(store.get(at)).rejects.toMatchObject({ code: 'data_loss' });
    await expect(store.list(at.partition)).rejects.toMatchObject({ code: 'data_loss' });
  });

  test('a document whose name is nothing we write is data_loss when listed, not a TypeError', async () => {
    for (const id of ['~zz', '~FF', 'a~2']) {
      const { partition } = key();
      await raw.doc(`records/${partition}!${id}`).set({ value: 'foreign' });
      await expect(store.list(partition), id).rejects.toMatchObject({ name: 'PortError', code: 'data_loss' });
    }
  });

  test('a version of the far future loses, whatever the service calls that', async () => {
    const at = key();
    await store.create({ ...at, value: 'kept' });
    expect(await store.replace({ ...at, value: 'lost' }, '253402300799.999999')).toMatchObject({
      replaced: false,
      existing: { value: 'kept' },
    });
    expect(await store.delete(at, '253402300799.999999')).toEqual({ deleted: false });
  });

  test('partitions that are prefixes of each other do not mix in a list', async () => {
    const { partition } = key();
    for (const at of [partition, `${partition}-`, `${partition}!`, `${partition}~`, `${partition}a`]) {
      await store.create({ partition: at, id: 'a', value: at });
    }
    expect((await store.list(partition)).records.map(({ value }) => value)).toEqual([partition]);
  });
});

test('a collection has a name that Firestore takes', () => {
  for (const collection of ['', '__x__', 'a/b', '.', 'é', 'x'.repeat(101)]) {
    expect(() => new FirestoreStore({ projectId: 'project', collection })).toThrow(TypeError);
  }
});

test('without credentials a call is unauthenticated, each time it is tried', async () => {
  const store = new FirestoreStore({ projectId: 'project', collection: 'records' });
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(store.check()).rejects.toMatchObject({ name: 'PortError', code: 'unauthenticated' });
  }
});
