import { PortError } from '../../../core/ports/index.ts';
import type { PortErrorCode } from '../../../core/ports/index.ts';

/**
 * SQLite's primary result codes (https://www.sqlite.org/rescode.html) in our words. Busy is another process's lock,
 * which lasts; locked is our own connection's.
 */
export const sqliteCodes: Readonly<Record<number, { readonly name: string; readonly code: PortErrorCode }>> = {
  1: { name: 'SQLITE_ERROR', code: 'internal' },
  2: { name: 'SQLITE_INTERNAL', code: 'internal' },
  3: { name: 'SQLITE_PERM', code: 'permission_denied' },
  4: { name: 'SQLITE_ABORT', code: 'aborted' },
  5: { name: 'SQLITE_BUSY', code: 'unavailable' },
  6: { name: 'SQLITE_LOCKED', code: 'aborted' },
  7: { name: 'SQLITE_NOMEM', code: 'resource_exhausted' },
  8: { name: 'SQLITE_READONLY', code: 'permission_denied' },
  9: { name: 'SQLITE_INTERRUPT', code: 'aborted' },
  10: { name: 'SQLITE_IOERR', code: 'unavailable' },
  11: { name: 'SQLITE_CORRUPT', code: 'data_loss' },
  12: { name: 'SQLITE_NOTFOUND', code: 'internal' },
  13: { name: 'SQLITE_FULL', code: 'resource_exhausted' },
  14: { name: 'SQLITE_CANTOPEN', code: 'failed_precondition' },
  15: { name: 'SQLITE_PROTOCOL', code: 'unavailable' },
  17: { name: 'SQLITE_SCHEMA', code: 'aborted' },
  18: { name: 'SQLITE_TOOBIG', code: 'out_of_range' },
  19: { name: 'SQLITE_CONSTRAINT', code: 'internal' },
  20: { name: 'SQLITE_MISMATCH', code: 'data_loss' },
  21: { name: 'SQLITE_MISUSE', code: 'internal' },
  22: { name: 'SQLITE_NOLFS', code: 'out_of_range' },
  23: { name: 'SQLITE_AUTH', code: 'permission_denied' },
  25: { name: 'SQLITE_RANGE', code: 'invalid_argument' },
  26: { name: 'SQLITE_NOTADB', code: 'data_loss' },
};

/**
 * SQLITE_ERROR says "SQL logic error" for everything its compiler dislikes. A table or column that is not there is the one case which somebody other
 * than a programmer brings about: a file of another make.
 */
const notOurSchema = /^no such (?:table|column)/;

/** What a call of node:sqlite threw, as a `PortError`; anything that is not SQLite's is given back as it is. */
export function toPortError(error: unknown, operation: string): unknown {
  if (!isSqliteError(error)) return error;
  if (error.code === 'ERR_INVALID_STATE') return new PortError('unavailable', operation, { reason: 'DatabaseClosed' });
  const known = sqliteCodes[(error.errcode ?? 1) & 0xff];
  if (known?.code === 'internal' && notOurSchema.test(error.message)) {
    return new PortError('failed_precondition', operation, { reason: 'SQLITE_ERROR' });
  }
  return new PortError(known?.code ?? 'internal', operation, { reason: known?.name ?? `SQLITE_${error.errcode}` });
}

function isSqliteError(error: unknown): error is Error & { readonly code: string; readonly errcode?: number } {
  return error instanceof Error && 'code' in error && (error.code === 'ERR_SQLITE_ERROR' || error.code === 'ERR_INVALID_STATE');
}
