import { alphabetCharacters, isOption, parseText } from './grammar.ts';
import type { Node, Value } from './grammar.ts';
import type { VendorEndpoint, VendorTemplate } from './template.ts';

/** A template whose texts are read. */
export interface CompiledTemplate {
  readonly username: readonly Node[];
  readonly password: readonly Node[];
  readonly headers: readonly (readonly [name: string, text: readonly Node[]])[];
  readonly endpoints: readonly { readonly endpoint: VendorEndpoint; readonly host: readonly Node[] }[];
  /** Characters of the session token; empty for a number. */
  readonly alphabet: string;
  /** Whether the lifetime is written when the fail-closed switch is off. */
  readonly ttlWhenOpen: boolean;
  /** Whether the lifetime is written when the fail-closed switch is on. */
  readonly ttlWhenClosed: boolean;
}

const compiled = new WeakMap<VendorTemplate, CompiledTemplate>();

/**
 * Reads the texts of a template, on its first use only.
 *
 * @throws {TypeError} ill-formed: `checkTemplate` would have said so
 */
export function compile(template: VendorTemplate): CompiledTemplate {
  const known = compiled.get(template);
  if (known !== undefined) return known;
  const made = compileReporting(template, (pointer, problem) => {
    throw new TypeError(`Vendor template ${pointer} ${problem}`);
  });
  compiled.set(template, made);
  return made;
}

/** Like `compile`, but tells what is wrong instead of throwing, with an RFC 6901 pointer into the template. */
export function compileReporting(template: VendorTemplate, report: (pointer: string, problem: string) => void): CompiledTemplate {
  const text = (parts: readonly string[], pointer: string): readonly Node[] =>
    parseText(parts, (part, problem) => report(`${pointer}/${part}`, problem));
  const { sid } = template;
  const alphabet = 'alphabet' in sid ? alphabetCharacters(sid.alphabet) : '';
  if (alphabet === undefined) report('/sid/alphabet', 'is ill-formed or names a character twice');
  const username = text(template.username, '/username');
  const password = text(template.password, '/password');
  const headers = Object.entries(template.headers ?? {}).map(([name, parts]) => [name, text(parts, `/headers/${name}`)] as const);
  const endpoints = template.endpoints.map((endpoint, index) => ({
    endpoint,
    host: parseText([endpoint.host], (_, problem) => report(`/endpoints/${index}/host`, problem)),
  }));
  const all = [username, password, ...headers.map(([, header]) => header), ...endpoints.map(({ host }) => host)].flat();
  return {
    username,
    password,
    headers,
    endpoints,
    alphabet: alphabet ?? '',
    ttlWhenOpen: hasTtl(all, false),
    ttlWhenClosed: hasTtl(all, true),
  };
}

/** Every value of a text, those in options too. */
export function valuesOf(text: readonly Node[]): readonly Value[] {
  return text.flatMap((node) => (isOption(node) ? node.pieces : [node])).filter((piece) => typeof piece === 'object');
}

/** Whether the lifetime is written into the credentials, with the fail-closed switch on or off. */
export function writesTtl(template: VendorTemplate, failClosed: boolean): boolean {
  const { ttlWhenOpen, ttlWhenClosed } = compile(template);
  return failClosed ? ttlWhenClosed : ttlWhenOpen;
}

function hasTtl(nodes: readonly Node[], failClosed: boolean): boolean {
  return nodes.some((node) => {
    if (isOption(node) && node.condition?.on === 'failClosed' && node.condition.holds !== failClosed) return false;
    return valuesOf([node]).some(({ name }) => name === 'ttl');
  });
}
