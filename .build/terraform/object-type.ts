/** A part of an object: `memory_mb = optional(number, 512) # MiB`. */
export interface Attribute {
  /** With the names of the objects around it: `domain.name`, `routes[].priority`. */
  readonly path: string;
  /** As written, without `optional`; an object's parts are attributes of their own. */
  readonly type: string;
  /** As written; undefined where it must be given; `null` where it may be left out and has no default. */
  readonly default: string | undefined;
  /** The comment behind it, or above it. */
  readonly comment: string;
}

interface Token {
  readonly kind: 'word' | 'text' | 'sign' | 'comment' | 'line';
  readonly text: string;
}

/**
 * Reads a type of Terraform's into its parts, with their comments (https://developer.hashicorp.com/terraform/language/expressions/type-constraints).
 *
 * @returns none where it is no object
 * @throws {TypeError} not as `terraform fmt` writes it
 */
export function readObjectType(type: string): readonly Attribute[] {
  return new TypeReader(tokens(type)).read('').attributes;
}

function tokens(text: string): Token[] {
  const pattern =
    /(?<comment>#[^\n]*)|(?<text>"(?:[^"\\]|\\.)*")|(?<word>[\w.-]+)|(?<line>\n)|(?<sign>[(){}[\],=])|[ \t]+|(?<other>.)/g;
  return Array.from(text.matchAll(pattern)).flatMap(({ groups = {}, index }): Token[] => {
    if (groups['other'] !== undefined) throw new TypeError(`A type with "${groups['other']}" at ${index} is not understood`);
    const found = Object.entries(groups).find(([, value]) => value !== undefined) as [Token['kind'], string] | undefined;
    return found === undefined ? [] : [{ kind: found[0], text: found[1] }];
  });
}

interface ReadType {
  readonly type: string;
  readonly attributes: readonly Attribute[];
}

class TypeReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  /** A type, at the path of the attribute that has it. */
  read(path: string): ReadType {
    const name = this.#take('word');
    if (this.#peek()?.text !== '(') return { type: name, attributes: [] };
    this.#take('sign', '(');
    const inside =
      name === 'object' ? this.#object(path) : this.read(name === 'list' || name === 'set' ? `${path}[]` : path && `${path}.*`);
    this.#take('sign', ')');
    if (name === 'object') return { type: 'object', attributes: inside.attributes };
    return { type: `${name}(${inside.type})`, attributes: inside.attributes };
  }

  #object(path: string): ReadType {
    this.#take('sign', '{');
    const attributes: Attribute[] = [];
    let above = '';
    for (;;) {
      const next = this.#peek();
      if (next?.kind === 'line') this.#at++;
      else if (next?.kind === 'comment') {
        above = [above, this.#comment()].filter(Boolean).join(' ');
      } else if (next?.text === ',') this.#at++;
      else if (next?.text === '}') break;
      else {
        attributes.push(...this.#attribute(path, above));
        above = '';
      }
    }
    this.#take('sign', '}');
    return { type: 'object', attributes };
  }

  #attribute(path: string, above: string): readonly Attribute[] {
    const name = this.#take('word');
    this.#take('sign', '=');
    const own = path === '' ? name : `${path}.${name}`;
    const optional = this.#peek()?.text === 'optional';
    if (optional) {
      this.#take('word');
      this.#take('sign', '(');
    }
    const { type, attributes } = this.read(own);
    let fallback = optional ? 'null' : undefined;
    if (optional && this.#peek()?.text === ',') {
      this.#at++;
      fallback = this.#expression();
    }
    if (optional) this.#take('sign', ')');
    if (this.#peek()?.text === ',') this.#at++;
    const comment = this.#peek()?.kind === 'comment' ? this.#comment() : '';
    return [{ path: own, type, default: fallback, comment: comment || above }, ...attributes];
  }

  /** A default, up to the bracket that closes `optional`. */
  #expression(): string {
    const parts: string[] = [];
    for (let depth = 0; ; this.#at++) {
      const { text } = this.#peek() ?? this.#fail('the end of a default');
      if (depth === 0 && text === ')') return parts.join('');
      if (/^[([{]$/.test(text)) depth++;
      if (/^[)\]}]$/.test(text)) depth--;
      parts.push(text === ',' || text === '=' ? `${text} ` : text);
    }
  }

  #comment(): string {
    return this.#take('comment').replace(/^#\s*/, '');
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #take(kind: Token['kind'], text?: string): string {
    const next = this.#peek();
    if (next?.kind !== kind || (text !== undefined && next.text !== text)) this.#fail(text ?? kind);
    this.#at++;
    return next?.text ?? '';
  }

  #fail(wanted: string): never {
    throw new TypeError(`Not a type: ${wanted} expected at "${this.#peek()?.text ?? 'the end'}"`);
  }
}
