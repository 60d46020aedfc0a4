import { compile } from './compile.ts';
import { isOption } from './grammar.ts';
import type { Condition, Node, Value } from './grammar.ts';
import { planLifetime } from './lifetime.ts';
import { isCountry, placeWords, usStateCode, usStateName } from './place-names.ts';
import type { GeoField, ProxyScheme, VendorEndpoint, VendorTemplate } from './template.ts';
import { isUpstreamToken } from './token.ts';

export interface RenderRequest {
  /** The account fields the template names. */
  readonly account: Readonly<Record<string, string>>;
  readonly secret: string;
  /** The session's token, from `newUpstreamToken`; never anything a client wrote. */
  readonly sid: string;
  /** As the client wrote it. */
  readonly geo?:
    { readonly country?: string | undefined; readonly region?: string | undefined; readonly city?: string | undefined } | undefined;
  /**
   * The length of the session as planned when its token was made, seconds: the same in every rendering of one token. Written where the
   * grammar has a place; where not, `planLifetime` says how long the vendor keeps the exit.
   */
  readonly ttlSeconds?: number | undefined;
  /** Asks the vendor to refuse when the exit is lost; a problem where the vendor cannot. See `guarantee`. */
  readonly failClosed?: boolean | undefined;
  /** How to speak to the vendor; default: that of the first endpoint. */
  readonly protocol?: ProxyScheme | undefined;
  /** The pool's own endpoint, instead of the template's. */
  readonly endpoint?: { readonly host: string; readonly port: number } | undefined;
}

/** What a client of the vendor needs, nothing encoded. */
export interface ProxyEndpoint {
  readonly scheme: ProxyScheme;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** To be sent with each request: the session is in a header, so a URL alone does not make it sticky. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export type ProblemReason =
  /** The vendor has no way to say it. */
  | 'unsupported'
  /** Characters, length or code outside what is allowed. */
  | 'invalid'
  /** Must be asked for, or configured, and is not. */
  | 'required'
  /** Cannot be asked for together with another field. */
  | 'exclusive'
  /** Over the vendor's maximum. */
  | 'over_maximum';

/** One thing that keeps the credentials from saying what was asked. */
export interface RenderProblem {
  /** `country`, `region`, `city`, `ttlSeconds`, `failClosed` are the client's; `protocol`, `endpoint`, `account.<field>`, `secret`, `sid` the operator's. */
  readonly field: string;
  readonly reason: ProblemReason;
  /** A sentence; never holds a value. */
  readonly detail: string;
}

export type RenderResult =
  { readonly ok: true; readonly credentials: ProxyEndpoint } | { readonly ok: false; readonly problems: readonly RenderProblem[] };

/**
 * Writes the credentials of one session in the vendor's grammar. Pure: the same request gives the same credentials.
 *
 * What was asked for is either written or a problem, never left out silently. Nothing a client wrote is copied: countries come from a list,
 * names are taken apart into words of letters and digits and joined by the template's rule, so no value can hold a separator.
 */
export function renderCredentials(template: VendorTemplate, request: RenderRequest): RenderResult {
  const { username, password, headers, endpoints } = compile(template);
  const problems: RenderProblem[] = [];
  const problem = (field: string, reason: ProblemReason, detail: string): void => void problems.push({ field, reason, detail });

  const values = readValues(template, request, problem);
  checkCombination(template, request, problem);
  const endpoint = chooseEndpoint(template, request, values, problem);
  if (problems.length > 0 || endpoint === undefined) return { ok: false, problems };

  const writer = new Writer(values, problem);
  const hostText = endpoints.find((one) => one.endpoint === endpoint)?.host ?? [];
  const credentials: ProxyEndpoint = {
    scheme: endpoint.scheme,
    host: request.endpoint?.host ?? writer.write(hostText),
    port: request.endpoint?.port ?? portOf(endpoint, template, request.sid),
    username: writer.write(username),
    password: writer.write(password),
    ...(headers.length > 0 && { headers: Object.fromEntries(headers.map(([name, text]) => [name, writer.write(text)])) }),
  };
  if (endpoint.country !== undefined && request.endpoint === undefined) writer.written.add('country');
  for (const field of ['country', 'region', 'city'] as const) {
    if (request.geo?.[field] !== undefined && !writer.written.has(field)) {
      problem(
        field,
        'unsupported',
        `${template.title} has no way to ask for this ${field}${request.geo.country === undefined ? '' : ' there'}`,
      );
    }
  }
  if (credentials.username.includes(':'))
    problem('account', 'invalid', 'the username would hold a colon, which Basic authentication cannot carry');
  if (!isHost(credentials.host)) problem('endpoint', 'invalid', 'the host is neither a name nor an address');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, credentials };
}

type Report = (field: string, reason: ProblemReason, detail: string) => void;

/** The values of a rendering, checked and in the vendor's words. */
interface Values {
  readonly account: Readonly<Record<string, string>>;
  readonly secret: string;
  readonly sid: string;
  readonly country: string | undefined;
  readonly region: readonly string[] | undefined;
  readonly city: readonly string[] | undefined;
  /** Seconds, and what `{ttl}` counts. */
  readonly ttl: { readonly seconds: number; readonly unitSeconds: number } | undefined;
  readonly failClosed: boolean;
}

function readValues(template: VendorTemplate, request: RenderRequest, problem: Report): Values {
  const { secret, sid, ttlSeconds, failClosed = false } = request;
  const account: Record<string, string> = {};
  for (const field of template.account) {
    const value = Object.hasOwn(request.account, field) ? request.account[field] : undefined;
    if (value === undefined || value === '') problem(`account.${field}`, 'required', 'the vendor account needs this field');
    else if (!isCredential(value))
      problem(`account.${field}`, 'invalid', 'has control characters, is ill-formed or over 256 characters');
    else account[field] = value;
  }
  if (secret === '') problem('secret', 'required', 'the vendor account needs its secret');
  else if (!isCredential(secret)) problem('secret', 'invalid', 'has control characters, is ill-formed or over 256 characters');
  if (!isUpstreamToken(template, sid)) problem('sid', 'invalid', "is not of the vendor's form");
  if (failClosed && template.peerLoss.failClosed === undefined) {
    problem('failClosed', 'unsupported', `${template.title} has no way to refuse when the exit is lost`);
  }
  const { country, region, city }: NonNullable<RenderRequest['geo']> = request.geo ?? {};
  return {
    account,
    secret,
    sid,
    country: country === undefined ? undefined : readCountry(template, country, problem),
    region: region === undefined ? undefined : readRegion(template, region, country, problem),
    city: city === undefined ? undefined : readName('city', city, problem),
    ttl: ttlSeconds === undefined ? undefined : readTtl(template, ttlSeconds, failClosed, problem),
    failClosed,
  };
}

function readCountry(template: VendorTemplate, country: string, problem: Report): string | undefined {
  const { aliases = {}, only } = template.geo?.country ?? {};
  // Looked at before the upper case, which makes letters of letters that are none of ours: that of U+017F is S.
  const code = /^[A-Za-z]{2}$/.test(country) ? country.toUpperCase() : '';
  const alias = aliases[code];
  if (alias === undefined && !isCountry(code)) problem('country', 'invalid', 'is no ISO 3166-1 alpha-2 code');
  else if (only !== undefined && !only.includes(code))
    problem('country', 'unsupported', `${template.title} does not have this country`);
  else return alias ?? code;
  return undefined;
}

function readRegion(
  template: VendorTemplate,
  region: string,
  country: string | undefined,
  problem: Report,
): readonly string[] | undefined {
  const { form = 'name', countries } = template.geo?.region ?? {};
  const code = country?.toUpperCase();
  if (countries !== undefined && code !== undefined && !countries.includes(code)) {
    problem('region', 'unsupported', `${template.title} has regions in ${countries.join(', ')} only`);
    return undefined;
  }
  if (form === 'number') {
    if (/^[0-9]{1,10}$/.test(region)) return [region];
    problem('region', 'invalid', `${template.title} takes its own number of a region`);
    return undefined;
  }
  const words = readName('region', region, problem);
  // An absent country means the United States only where nothing else has regions.
  const inUnitedStates = code === 'US' || (code === undefined && countries?.length === 1 && countries[0] === 'US');
  if (words === undefined) return undefined;
  if (form === 'name') {
    const name = inUnitedStates && words.length === 1 ? usStateName(words[0] ?? '') : undefined;
    return name === undefined ? words : name.split(' ');
  }
  const short = (inUnitedStates ? usStateCode(words) : undefined) ?? words.join('');
  if (/^[A-Za-z0-9]{1,3}$/.test(short) && (!inUnitedStates || usStateName(short) !== undefined)) return [short];
  problem('region', 'invalid', `${template.title} takes the code of a region, the part of ISO 3166-2 after the hyphen`);
  return undefined;
}

function readName(field: GeoField, name: string, problem: Report): readonly string[] | undefined {
  const words = placeWords(name);
  if (words === undefined)
    problem(field, 'invalid', "must be 1 to 64 letters, digits, spaces, - ' or . with a letter or digit among them");
  return words;
}

function readTtl(template: VendorTemplate, ttlSeconds: number, failClosed: boolean, problem: Report): Values['ttl'] {
  const { maxSeconds, unit } = template.ttl;
  if (!(Number.isFinite(ttlSeconds) && ttlSeconds > 0)) problem('ttlSeconds', 'invalid', 'must be a positive number of seconds');
  else if (maxSeconds !== undefined && ttlSeconds > maxSeconds) {
    problem('ttlSeconds', 'over_maximum', `${template.title} keeps a session for at most ${maxSeconds} seconds`);
  } else {
    const { upstreamTtlSeconds } = planLifetime(template, ttlSeconds, failClosed);
    return upstreamTtlSeconds === undefined ? undefined : { seconds: upstreamTtlSeconds, unitSeconds: unit === 'minute' ? 60 : 1 };
  }
  return undefined;
}

function checkCombination(
  { title, exclusive = [], requires = {} }: VendorTemplate,
  { geo = {} }: RenderRequest,
  problem: Report,
): void {
  for (const fields of exclusive) {
    const asked = fields.filter((field) => geo[field] !== undefined);
    if (asked.length > 1) problem(asked.at(-1) ?? '', 'exclusive', `${title} takes only one of ${fields.join(', ')}`);
  }
  for (const field of ['country', 'region', 'city'] as const) {
    for (const needed of geo[field] === undefined ? [] : (requires[field] ?? [])) {
      if (geo[needed] === undefined) problem(needed, 'required', `${title} needs a ${needed} with a ${field}`);
    }
  }
}

function chooseEndpoint(
  template: VendorTemplate,
  request: RenderRequest,
  values: Values,
  problem: Report,
): VendorEndpoint | undefined {
  const scheme = request.protocol ?? template.endpoints[0]?.scheme;
  const spoken = template.endpoints.filter((one) => one.scheme === scheme);
  const country = values.country === undefined ? undefined : request.geo?.country?.toUpperCase();
  const endpoint =
    spoken.find((one) => one.country !== undefined && one.country === country) ?? spoken.find((one) => one.country === undefined);
  if (spoken.length === 0) problem('protocol', 'unsupported', `${template.title} has no such endpoint`);
  else if (endpoint === undefined)
    problem('country', country === undefined ? 'required' : 'unsupported', `${template.title} has endpoints by country`);
  else if (request.endpoint !== undefined) {
    const carriesSession = typeof endpoint.port === 'object' || endpoint.host.includes('{');
    if (carriesSession) problem('endpoint', 'unsupported', 'this vendor says things in its host or port, which cannot be replaced');
  } else if (endpoint.port === undefined) {
    problem('endpoint', 'required', `the port of ${template.title} is not known: the pool must name its endpoint`);
  }
  return endpoint;
}

function portOf(endpoint: VendorEndpoint, template: VendorTemplate, sid: string): number {
  const { port = 0 } = endpoint;
  if (typeof port === 'number') return port;
  return port.from + Number(sid) - ('min' in template.sid ? template.sid.min : 0);
}

/** Writes texts and remembers which values it wrote. */
class Writer {
  readonly written = new Set<Value['name']>();
  readonly #values: Values;
  readonly #problem: Report;

  constructor(values: Values, problem: Report) {
    this.#values = values;
    this.#problem = problem;
  }

  write(text: readonly Node[]): string {
    let written = '';
    for (const node of text) {
      if (typeof node === 'string') written += node;
      else if (isOption(node)) written += this.#option(node.pieces, node.condition);
      else {
        const value = textOf(node, this.#values);
        if (value === undefined) this.#problem(node.name === 'ttl' ? 'ttlSeconds' : node.name, 'required', 'the vendor needs it');
        written += this.#mark(node, value ?? '');
      }
    }
    return written;
  }

  #option(pieces: readonly (string | Value)[], condition: Condition | undefined): string {
    if (condition !== undefined && holds(condition, this.#values) !== condition.holds) return '';
    const texts = pieces.map((piece) => (typeof piece === 'string' ? piece : textOf(piece, this.#values)));
    if (texts.includes(undefined)) return '';
    for (const piece of pieces) if (typeof piece === 'object') this.#mark(piece, '');
    return texts.join('');
  }

  #mark(value: Value, text: string): string {
    this.written.add(value.name);
    return text;
  }
}

function holds({ on }: Condition, values: Values): boolean {
  return on === 'failClosed' ? values.failClosed : values[on] !== undefined;
}

function textOf(value: Value, values: Values): string | undefined {
  switch (value.name) {
    case 'account':
      return values.account[value.field ?? ''];
    case 'secret':
      return values.secret;
    case 'sid':
      return values.sid;
    case 'country':
      return values.country === undefined ? value.fallback : inCase(values.country, value.letterCase);
    case 'region':
    case 'city':
      return values[value.name]?.map((word) => inCase(word, value.letterCase)).join(value.joiner ?? '');
    case 'ttl':
      return values.ttl && duration(values.ttl, value);
  }
}

function inCase(text: string, letterCase: Value['letterCase']): string {
  if (letterCase === 'lower') return text.toLowerCase();
  if (letterCase === 'upper') return text.toUpperCase();
  return letterCase === 'title' ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

const unitLengths = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;

function duration({ seconds, unitSeconds }: NonNullable<Values['ttl']>, { units }: Value): string {
  if (units === undefined) return String(Math.ceil(seconds / unitSeconds));
  const fitting = (['d', 'h', 'm', 's'] as const).filter((unit) => units.includes(unit));
  const unit = fitting.find((one) => seconds % unitLengths[one] === 0) ?? fitting.at(-1) ?? 's';
  return `${Math.ceil(seconds / unitLengths[unit])}${unit}`;
}

function isCredential(text: string): boolean {
  return text.length <= 256 && text.isWellFormed() && !/[\u0000-\u001F\u007F]/.test(text);
}

function isHost(host: string): boolean {
  const isName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(host) && !host.includes('..');
  return isName || (/^[0-9A-Fa-f:.]{2,45}$/.test(host) && host.includes(':'));
}
