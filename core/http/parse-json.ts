/** Why a text is no acceptable JSON. */
export class JsonRejected extends Error {
  override readonly name = 'JsonRejected';
}

const maxDepth = 16;

/**
 * Parses JSON from outside: refuses nesting over 16 levels and an object that names a member twice, which `JSON.parse` would let the
 * last one win (RFC 8259 section 4).
 *
 * @throws {JsonRejected} the message says what is wrong and where, not what was sent
 */
export function parseJson(text: string): unknown {
  assertShape(text);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonRejected('The content is not valid JSON');
  }
}

/** One pass over the tokens; what is not JSON at all is left for `JSON.parse` to refuse. */
function assertShape(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > maxDepth) throw new JsonRejected(`The content is nested deeper than ${maxDepth} levels`);
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== undefined && followedByColon(text, end)) {
        const name = memberName(text.slice(at, end + 1));
        if (name !== undefined && names.has(name)) throw new JsonRejected(`A member name occurs twice at position ${at}`);
        if (name !== undefined) names.add(name);
      }
      at = end;
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

function followedByColon(text: string, end: number): boolean {
  for (let at = end + 1; at < text.length; at++) {
    const character = text[at];
    if (character !== ' ' && character !== '\t' && character !== '\n' && character !== '\r') return character === ':';
  }
  return false;
}

/** Unescaped, so that `"a"` and `"\u0061"` are the same name; `undefined` when it is no JSON string. */
function memberName(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}
