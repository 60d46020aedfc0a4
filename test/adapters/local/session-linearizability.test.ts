import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSqlite } from '../../../adapters/local/sqlite/sqlite.ts';
import { testSessionLinearizability } from '../../conformance/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'portolan-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

testSessionLinearizability({ name: 'SQLite', makeStore: async () => openSqlite(join(folder, 'sessions.db')), runs: 300 });
