import { compileReporting, valuesOf } from './compile.ts';
import type { CompiledTemplate } from './compile.ts';
import { isOption, parseText } from './grammar.ts';
import type { Node, Piece, Value } from './grammar.ts';
import { isCountry } from './place-names.ts';
import type { VendorTemplate } from './template.ts';

/** One thing wrong with a template. */
export interface TemplateProblem {
  /** RFC 6901 pointer into the template. */
  readonly pointer: string;
  /** What is wrong, to be read after the pointer: `is never used`. Holds nothing of the template's texts. */
  readonly detail: string;
}

type Report = (pointer: string, detail: string) => void;

/**
 * What is wrong with a template that its schema accepts; empty when it can be used. Pure, linear in the size of the template.
 *
 * Most of all it proves that a value can never be taken for more than one: no character a value can hold stands after a value as a separator.
 */
export function checkTemplate(template: VendorTemplate): readonly TemplateProblem[] {
  const problems: TemplateProblem[] = [];
  const report: Report = (pointer, detail) => void problems.push({ pointer, detail });
  const compiled = compileReporting(template, report);
  parseText(template.handshake?.username ?? [], (part, problem) => report(`/handshake/username/${part}`, problem));
  // With texts that cannot be read, the rest would only repeat it.
  if (problems.length > 0) return problems;
  checkSid(template, report);
  checkValues(template, compiled, report);
  checkTtl(template, compiled, report);
  checkPeerLoss(template, compiled, report);
  checkGeo(template, compiled, report);
  checkEndpoints(template, compiled, report);
  checkUsername(compiled, report);
  checkSeparators(template, compiled, report);
  return problems;
}

function checkSid({ sid, endpoints }: VendorTemplate, report: Report): void {
  if ('min' in sid) {
    if (sid.min >= sid.max) report('/sid/max', 'must be over min');
    return;
  }
  if (sid.minLength > sid.maxLength) report('/sid/maxLength', 'must not be under minLength');
  if (!/^[A-Za-z0-9._~-]+$/.test(sid.alphabet)) report('/sid/alphabet', 'has a character that a URL cannot carry as it is');
  if (endpoints.some(({ host }) => host.includes('{sid}')) && !/^[a-z0-9-]+$/.test(sid.alphabet)) {
    report('/sid/alphabet', 'has a character that a host name cannot carry');
  }
}

/** The texts with pointers, hosts too. */
function texts({
  username,
  password,
  headers,
  endpoints,
}: CompiledTemplate): readonly (readonly [pointer: string, text: readonly Node[]])[] {
  return [
    ['/username', username],
    ['/password', password],
    ...headers.map(([name, text]) => [`/headers/${name}`, text] as const),
    ...endpoints.map(({ host }, index) => [`/endpoints/${index}/host`, host] as const),
  ];
}

function allValues(compiled: CompiledTemplate): readonly Value[] {
  return texts(compiled).flatMap(([, text]) => valuesOf(text));
}

function uses(compiled: CompiledTemplate, name: Value['name']): boolean {
  return allValues(compiled).some((value) => value.name === name);
}

function checkValues(template: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  const fields = new Set(allValues(compiled).map(({ field }) => field));
  template.account.forEach((field, index) => {
    if (!fields.has(field)) report(`/account/${index}`, 'is never used');
  });
  for (const [pointer, text] of texts(compiled)) {
    for (const { name, field = '' } of valuesOf(text)) {
      if (name === 'account' && !template.account.includes(field))
        report(pointer, 'uses an account field that account does not list');
    }
  }
  if (!uses(compiled, 'secret')) report('/password', 'and the other texts never use the secret');
  const inPort = template.endpoints.map(({ port }) => typeof port === 'object');
  const inText = [compiled.username, compiled.password, ...compiled.headers.map(([, text]) => text)].some((text) =>
    valuesOf(text).some(({ name }) => name === 'sid'),
  );
  template.endpoints.forEach(({ host }, index) => {
    if (!inText && inPort[index] !== true && !host.includes('{sid}'))
      report(`/endpoints/${index}`, 'has no place for the session token');
  });
}

function checkTtl({ ttl }: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  const { unit, minSeconds = 1, maxSeconds = Infinity, defaultSeconds } = ttl;
  const written = uses(compiled, 'ttl');
  if (written && unit === undefined) report('/ttl/unit', 'is needed to write the lifetime');
  if (!written && unit !== undefined) report('/ttl/unit', 'stands for a lifetime that no text writes');
  if (minSeconds > maxSeconds) report('/ttl/maxSeconds', 'must not be under minSeconds');
  if (unit === 'minute' && minSeconds !== 1 && minSeconds % 60 !== 0) report('/ttl/minSeconds', 'must be whole minutes');
  if (unit === 'minute' && maxSeconds !== Infinity && maxSeconds % 60 !== 0) report('/ttl/maxSeconds', 'must be whole minutes');
  if (defaultSeconds !== undefined && (defaultSeconds < minSeconds || defaultSeconds > maxSeconds)) {
    report('/ttl/defaultSeconds', 'must be from minSeconds to maxSeconds');
  }
  for (const { name, units } of allValues(compiled)) {
    if (name === 'ttl' && units !== undefined && !units.includes(unit === 'minute' ? 'm' : 's'))
      report('/ttl/unit', 'must be among the units that are written');
  }
}

function checkPeerLoss({ peerLoss }: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  const switched = texts(compiled).some(([, text]) => text.some((node) => isOption(node) && node.condition?.on === 'failClosed'));
  if (switched && peerLoss.failClosed === undefined) report('/peerLoss/failClosed', 'is needed for the condition failClosed');
  if (!switched && peerLoss.failClosed !== undefined) report('/peerLoss/failClosed', 'changes nothing that is written');
}

function checkGeo(template: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  const { geo = {}, exclusive = [], requires = {}, priceMultiplier = {}, identity = [] } = template;
  const known = (field: string): boolean =>
    field === 'failClosed'
      ? template.peerLoss.failClosed !== undefined
      : uses(compiled, field as Value['name']) ||
        (field === 'country' && template.endpoints.some(({ country }) => country !== undefined));
  const mustBeKnown = (fields: readonly string[], pointer: string): void => {
    if (!fields.every(known)) report(pointer, 'names a field that no text writes');
  };
  exclusive.forEach((fields, index) => mustBeKnown(fields, `/exclusive/${index}`));
  for (const [field, needed] of Object.entries(requires)) {
    mustBeKnown([field, ...(needed ?? [])], `/requires/${field}`);
    if (needed?.some((other) => other === field) === true) report(`/requires/${field}`, 'names itself');
  }
  mustBeKnown(Object.keys(priceMultiplier), '/priceMultiplier');
  mustBeKnown(identity, '/identity');
  if (geo.country !== undefined) mustBeKnown(['country'], '/geo/country');
  if (geo.region !== undefined) mustBeKnown(['region'], '/geo/region');
  const aliases = geo.country?.aliases ?? {};
  geo.country?.only?.forEach((code, index) => {
    if (!isCountry(code) && !Object.hasOwn(aliases, code))
      report(`/geo/country/only/${index}`, 'is neither an ISO code nor an alias');
  });
  geo.region?.countries?.forEach((code, index) => {
    if (!isCountry(code)) report(`/geo/region/countries/${index}`, 'is no ISO code');
  });
}

function checkEndpoints(template: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  const seen = new Set<string>();
  compiled.endpoints.forEach(({ endpoint, host }, index) => {
    const { scheme, country, port } = endpoint;
    const key = `${scheme} ${country ?? ''}`;
    if (seen.has(key)) report(`/endpoints/${index}`, 'repeats the scheme and country of another');
    seen.add(key);
    if (country !== undefined && !isCountry(country)) report(`/endpoints/${index}/country`, 'is no ISO code');
    if (piecesOf(host).some((piece) => (typeof piece === 'string' ? !/^[A-Za-z0-9.-]*$/.test(piece) : piece.name === 'secret'))) {
      report(`/endpoints/${index}/host`, 'is no host name');
    }
    if (typeof port !== 'object') return;
    if (port.from > port.to) report(`/endpoints/${index}/port/to`, 'must not be under from');
    if (!('min' in template.sid)) report('/sid', 'must be a range of numbers where the port is the session');
    else if (template.sid.max - template.sid.min > port.to - port.from)
      report(`/endpoints/${index}/port`, 'has fewer ports than there are tokens');
  });
}

function piecesOf(text: readonly Node[]): readonly Piece[] {
  return text.flatMap((node) => (isOption(node) ? node.pieces : [node]));
}

function checkUsername({ username }: CompiledTemplate, report: Report): void {
  if (piecesOf(username).some((piece) => typeof piece === 'string' && piece.includes(':'))) {
    report('/username', 'has a colon, which Basic authentication cannot carry');
  }
}

/**
 * In each text, a vendor may part values at the first punctuation mark of whatever stands around them; no value may hold one of these. What
 * stands between two values of one option parts only these: `{country}_{region}`, where a region is `new_york`.
 */
function checkSeparators(template: VendorTemplate, compiled: CompiledTemplate, report: Report): void {
  for (const [pointer, text] of texts(compiled)) {
    const separators = new Set<string>();
    const between: (readonly [value: Value, separator: string])[] = [];
    for (const node of text) {
      const pieces = isOption(node) ? node.pieces : [node];
      const first = pieces.findIndex((piece) => typeof piece === 'object');
      const last = pieces.findLastIndex((piece) => typeof piece === 'object');
      pieces.forEach((piece, at) => {
        const previous = pieces[at - 1];
        if (typeof piece === 'string' && first < at && at < last && typeof previous === 'object')
          between.push([previous, separatorOf(piece)]);
        else if (typeof piece === 'string') separators.add(separatorOf(piece));
      });
    }
    if (hasAdjacentValues(text)) report(pointer, 'has two values with nothing between them');
    for (const value of valuesOf(text)) {
      const characters = charactersOf(value, template, compiled);
      const own = between.filter(([before]) => before === value).map(([, separator]) => separator);
      if ([...separators, ...own].some((separator) => characters.includes(separator))) {
        report(pointer, `lets ${value.name} hold a character that separates values`);
      }
    }
  }
}

/** The first punctuation mark; of letters and digits alone, the first of them. */
function separatorOf(literal: string): string {
  return /[^A-Za-z0-9]/.exec(literal)?.[0] ?? literal.charAt(0);
}

/** Whether one value may come right after another, when the options between them are left out. */
function hasAdjacentValues(text: readonly Node[]): boolean {
  let afterValue = false;
  for (const node of text) {
    const pieces = isOption(node) ? node.pieces : [node];
    if (pieces.some((piece, at) => typeof piece === 'object' && (at === 0 ? afterValue : typeof pieces[at - 1] === 'object')))
      return true;
    const endsWithValue = typeof pieces.at(-1) === 'object';
    afterValue = isOption(node) ? afterValue || endsWithValue : endsWithValue;
  }
  return false;
}

const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';

/** Every character a value can hold. The account and its secret are the operator's own: nothing is said of them. */
function charactersOf(value: Value, template: VendorTemplate, { alphabet }: CompiledTemplate): string {
  const letters =
    value.letterCase === 'lower' ? lower : value.letterCase === 'upper' ? lower.toUpperCase() : lower + lower.toUpperCase();
  switch (value.name) {
    case 'account':
    case 'secret':
      return '';
    case 'sid':
      return alphabet === '' ? digits : alphabet;
    case 'country':
      return (
        letters +
        (value.fallback ?? '') +
        (/[0-9]/.test(Object.values(template.geo?.country?.aliases ?? {}).join('')) ? digits : '')
      );
    case 'region':
    case 'city':
      return letters + digits + (value.joiner ?? '');
    case 'ttl':
      return digits + (value.units ?? []).join('');
  }
}
