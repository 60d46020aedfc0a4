import type { FieldEdits } from '../configuration.ts';

/** Changes a flat list of fields (name, value, ... lower case) into another; the one given stays as it is. */
export type FieldEdit = (fields: readonly string[]) => string[];

/** Edits in the order remove, set, add. What is set or added comes last, in the order written. */
export function compileFieldEdits({ remove = [], set = {}, add = {} }: FieldEdits): FieldEdit {
  const gone = new Set([...remove, ...Object.keys(set)].map((name) => name.toLowerCase()));
  const put = [...Object.entries(set), ...Object.entries(add)].flatMap(([name, value]) => [name.toLowerCase(), value]);
  return (fields) => {
    const edited: string[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!;
      if (!gone.has(name)) edited.push(name, fields[at + 1]!);
    }
    for (const part of put) edited.push(part);
    return edited;
  };
}

/** Of the connection or of how messages are framed (RFC 9110 sections 7.6.1 and 10.1): made for each hop, never edited. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What tells loops and hops (RFC 9110 section 7.6, RFC 8586), and where to: `host` is the upstream's own option. */
const ofRequestRouting: ReadonlySet<string> = new Set(['cdn-loop', 'host', 'max-forwards', 'via']);

/** RFC 9110 section 5.1. */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** RFC 9110 section 5.5, without obs-text: no CR, no LF, no NUL, no white space around it. */
const fieldValue = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/** Why a field cannot be edited in a message of this kind; `undefined` when it can. A phrase that follows the name. */
export function refusalOfName(name: string, message: 'request' | 'response'): string | undefined {
  if (!fieldName.test(name)) return 'is no field name';
  const lower = name.toLowerCase();
  if (ofConnection.has(lower)) return 'belongs to the connection or the framing of messages and cannot be edited';
  if (message === 'request' && ofRequestRouting.has(lower)) {
    return lower === 'host'
      ? 'is set with the host option of the upstream'
      : 'keeps requests from going in circles and cannot be edited';
  }
  return undefined;
}

/** Whether a value may stand in a field: visible ASCII, spaces and tabs within. */
export function isFieldValue(value: string): boolean {
  return value.length <= 8_192 && fieldValue.test(value);
}
