const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Names met before, as written and in lower case: most are the same few all day. */
const known = new Map<string, string>();
const maxKnown = 1_024;

/** The name of a field in lower case; `undefined` for what is no name. */
export function fieldName(text: string): string | undefined {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (!token.test(text)) return undefined;
  const name = text.toLowerCase();
  if (known.size < maxKnown && text.length < 64) known.set(text, name);
  return name;
}

/**
 * Whether a text can stand in a header section without changing what follows it: no controls, and nothing that has no byte of its own (RFC 9110 section
 * 5.5). A loop, since most are short: calling a regular expression costs more than the characters.
 */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 ? code !== 0x09 : code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/** Whether a text is a token, as methods are (RFC 9110 section 5.6.2). */
export function isToken(text: string): boolean {
  return token.test(text);
}
