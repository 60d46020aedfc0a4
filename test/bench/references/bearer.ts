import { createHash } from 'node:crypto';

interface KeyRecords {
  readonly keys: readonly { readonly id: string; readonly hash: string; readonly tenant: string }[];
}

/** The tenant of a key, as the least code says it; `undefined` for no good key. */
export function tenantOf(authorization: string | null | undefined, records: string): string | undefined {
  const [, id, secret = ''] = /^Bearer ptl_([a-z0-9]+)_(.+)$/.exec(authorization ?? '') ?? [];
  const hash = createHash('sha256').update(secret).digest('base64url');
  return (JSON.parse(records) as KeyRecords).keys.find((one) => one.id === id && one.hash === hash)?.tenant;
}

/** A stored value without the write ids in front. */
export function withoutWriteIds(value: string): string {
  return value.slice(value.indexOf('\n') + 1);
}
