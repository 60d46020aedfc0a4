import { joinValues } from '../../core/http/header-list.ts';

/** Fields with one value a name, repetitions joined; the cookies, which must never be joined (RFC 9110 section 5.3), apart. */
export interface SingleValuedFields {
  readonly single: Record<string, string>;
  readonly cookies: string[] | undefined;
}

/** @param fields name, value, ..., as `HeaderFields.flat` gives them */
export function singleValues(fields: readonly string[]): SingleValuedFields {
  const single: Record<string, string> = {};
  let cookies: string[] | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    if (name === 'set-cookie') (cookies ??= []).push(value);
    else if (!isFraming(name)) setOwn(single, name, isRepeated(fields, at) ? joinValues(name, single[name] ?? '', value) : value);
  }
  return { single, cookies };
}

/** Whether the name at `at` was there before. Comparing a few names costs less than looking into an object that is being built. */
export function isRepeated(fields: readonly string[], at: number): boolean {
  const name = fields[at];
  for (let before = 0; before < at; before += 2) if (fields[before] === name) return true;
  return false;
}

/**
 * Field names a result may not hold: the platform frames the message itself, from the content it gets (RFC 9110 section 7.6.1, RFC 9112
 * section 6).
 */
export function isFraming(name: string): boolean {
  switch (name) {
    case 'connection':
    case 'content-length':
    case 'keep-alive':
    case 'proxy-connection':
    case 'trailer':
    case 'transfer-encoding':
    case 'upgrade':
      return true;
    default:
      return false;
  }
}

/** Sets a name that may be `__proto__`, which an assignment would not. */
export function setOwn<Value>(object: Record<string, Value>, name: string, value: Value): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}
