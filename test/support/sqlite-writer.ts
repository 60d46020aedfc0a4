import { writeSync } from 'node:fs';
import { openSqlite } from '../../adapters/local/sqlite/sqlite.ts';

/**
 * A process of its own that writes to a SQLite file: `insert` creates records until it is killed and prints the id of each once it is
 * acknowledged; `increment n` adds one to a shared record and a shared counter, `n` times.
 */
const [path = '', mode, times = '0'] = process.argv.slice(2);
const { store, counters, close } = openSqlite(path, { busyTimeoutMs: 30_000 });

if (mode === 'insert') {
  for (let n = 0; ; n++) {
    const id = `${process.pid}-${n}.`;
    const result = await store.create({ partition: 'p', id, value: `value of ${id}` });
    if (!result.created) throw new Error('The key was to be free');
    writeSync(1, `${id}\n`);
  }
}

const key = { partition: 'p', id: 'shared' };
for (let n = 0; n < Number(times); n++) {
  await counters.increment({ key, operationId: `${process.pid}-${n}` });
  await store.create({ ...key, value: '0' });
  for (let done = false; !done;) {
    const record = await store.get(key);
    if (record === undefined) throw new Error('The record was to be there');
    done = (await store.replace({ ...key, value: String(Number(record.value) + 1) }, record.version)).replaced;
  }
}
close();
