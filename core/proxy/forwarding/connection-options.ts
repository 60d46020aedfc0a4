import { fieldKind } from './field-kinds.ts';
import type { FieldKinds } from './field-kinds.ts';

/** Options that name no field, or one that goes anyway. */
const usual: ReadonlySet<string> = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
]);

/**
 * The fields that a `connection` field declares to be of this connection (RFC 9110 section 7.6.1), lower case; `undefined` when there are none
 * but the usual, which is nearly always.
 */
export function nominatedBy(connection: string): readonly string[] | undefined {
  if (connection === 'keep-alive' || connection === 'close') return undefined;
  const options = connection.toLowerCase().split(',').map(trimmed);
  const nominated = options.filter((option) => option !== '' && !usual.has(option));
  return nominated.length === 0 ? undefined : nominated;
}

/** Whether `option` is among those of a `connection` field. */
export function hasOption(connection: string | undefined, option: string): boolean {
  return connection !== undefined && connection.toLowerCase().split(',').map(trimmed).includes(option);
}

/**
 * Takes nominated fields out of `fields`, in place. Those that frame or route the message or guard against loops stay: whoever nominates them
 * is mistaken or means harm (RFC 8586 section 3).
 */
export function removeNominated(fields: string[], nominated: readonly string[], kinds: FieldKinds): void {
  const names = nominated.length > 8 ? new Set(nominated) : undefined;
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (names === undefined ? nominated.includes(name) : names.has(name)) {
      const kind = kinds(name);
      if (kind === fieldKind.pass || kind === fieldKind.respelt || kind === fieldKind.claim || kind === fieldKind.xray) continue;
    }
    fields[kept] = name;
    fields[kept + 1] = fields[at + 1] ?? '';
    kept += 2;
  }
  fields.length = kept;
}

function trimmed(option: string): string {
  return option.trim();
}
