import { PortError } from '../ports/errors.ts';
import type { NewRecord, RecordKey, StoredRecord } from '../ports/key-value-store.ts';
import { purgeAt } from './session.ts';
import type { Session } from './session.ts';

/** Sessions of one tenant are one partition, so that listing them is a query and never a scan. */
export function sessionPartition(tenant: string): string {
  return `sessions.${tenant}`;
}

export function sessionKey(tenant: string, sessionId: string): RecordKey {
  return { partition: sessionPartition(tenant), id: sessionId };
}

/** The stored form: JSON with a version number first, so that a later form can be told apart. */
export function toRecord(session: Session, tombstoneMs: number): NewRecord {
  return {
    ...sessionKey(session.tenant, session.sessionId),
    value: JSON.stringify({ v: 1, ...session }),
    expiresAt: purgeAt(session, tombstoneMs),
  };
}

/** @throws {PortError} `data_loss`: not something `toRecord` wrote */
export function fromRecord(record: StoredRecord): Session {
  let parsed: (Session & { readonly v?: unknown }) | undefined;
  try {
    parsed = JSON.parse(record.value) as Session & { readonly v?: unknown };
  } catch {
    parsed = undefined;
  }
  if (parsed?.v !== 1) throw new PortError('data_loss', 'sessions.read', { reason: 'UnknownForm' });
  return parsed;
}
