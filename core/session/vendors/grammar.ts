import type { GeoField } from './template.ts';

/** What a text can hold besides itself. */
export type ValueName = 'account' | 'secret' | 'sid' | 'ttl' | GeoField;

export type Unit = 's' | 'm' | 'h' | 'd';

export interface Value {
  readonly name: ValueName;
  /** Of `account` only: which field. */
  readonly field?: string;
  readonly letterCase?: 'lower' | 'upper' | 'title';
  /** What joins the words of a name; may be empty. */
  readonly joiner?: string;
  /** Written when the value is absent. */
  readonly fallback?: string;
  readonly units?: readonly Unit[];
}

export type Piece = string | Value;

export interface Condition {
  readonly on: 'failClosed' | 'ttl' | GeoField;
  readonly holds: boolean;
}

export interface Option {
  readonly pieces: readonly Piece[];
  readonly condition?: Condition;
}

/** A part of a text, ready to be written. */
export type Node = Piece | Option;

export function isOption(node: Node): node is Option {
  return typeof node === 'object' && 'pieces' in node;
}

const names: readonly string[] = ['secret', 'sid', 'country', 'region', 'city', 'ttl'];
const conditions: readonly string[] = ['failClosed', 'country', 'region', 'city', 'ttl'];
const joiners: Readonly<Record<string, string>> = { _: '_', '-': '-', '+': '+', '.': '.', '%20': '%20', none: '' };
const allUnits: readonly string[] = ['s', 'm', 'h', 'd'];
const places: readonly string[] = ['region', 'city'];
const geo: readonly string[] = ['country', ...places];

/**
 * Reads the parts of a text, once per template, in linear time. Does not throw: `report` hears what is wrong and in which part, and what is
 * wrong is left out.
 */
export function parseText(parts: readonly string[], report: (part: number, problem: string) => void): readonly Node[] {
  return parts.flatMap((part, index) => parsePart(part, (problem) => report(index, problem)));
}

type Report = (problem: string) => void;

function parsePart(part: string, report: Report): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  while (at < part.length) {
    const open = part.indexOf('[', at);
    const until = open < 0 ? part.length : open;
    nodes.push(...parsePieces(part.slice(at, until), report));
    if (open < 0) break;
    const close = part.indexOf(']', open);
    if (close < 0) {
      report('has a [ without ]');
      break;
    }
    nodes.push(parseOption(part.slice(open + 1, close), report));
    at = close + 1;
  }
  return nodes;
}

function parseOption(content: string, report: Report): Option {
  const mark = content.lastIndexOf('?');
  const pieces = parsePieces(mark < 0 ? content : content.slice(0, mark), report);
  if (mark < 0) {
    if (pieces.every((piece) => typeof piece === 'string')) report('has an option without a value or a condition');
    return { pieces };
  }
  const holds = content[mark + 1] !== '!';
  const on = content.slice(holds ? mark + 1 : mark + 2);
  if (!conditions.includes(on)) report(`has a condition that is none of ${conditions.join(', ')}`);
  return { pieces, condition: { on: on as Condition['on'], holds } };
}

function parsePieces(text: string, report: Report): Piece[] {
  const pieces: Piece[] = [];
  const literal = (from: string): void => {
    if (from === '') return;
    if (/[[\]{}]|[^\x21-\x7e]/.test(from)) report('has a bracket without its partner, or a character that is not visible ASCII');
    else pieces.push(from);
  };
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('{', at);
    literal(text.slice(at, open < 0 ? text.length : open));
    if (open < 0) break;
    const close = text.indexOf('}', open);
    if (close < 0) {
      report('has a { without }');
      break;
    }
    const value = parseValue(text.slice(open + 1, close), report);
    if (value !== undefined) pieces.push(value);
    at = close + 1;
  }
  return pieces;
}

function parseValue(content: string, report: Report): Value | undefined {
  const [head = '', ...rules] = content.split('|');
  const isAccount = head.startsWith('account.');
  if (!isAccount && !names.includes(head)) {
    report(`names a value that is none of account.<field>, ${names.join(', ')}`);
    return undefined;
  }
  const name = (isAccount ? 'account' : head) as ValueName;
  let value: Value = isAccount ? { name, field: head.slice('account.'.length) } : { name };
  for (const rule of rules) {
    const next = applied(value, rule);
    if (next === undefined) report(`gives ${name} a rule it cannot have`);
    else value = next;
  }
  if (places.includes(name) && value.joiner === undefined) value = { ...value, joiner: '' };
  return value;
}

/** The value with one more rule; `undefined` when there is no such rule for it, or it is there already. */
function applied(value: Value, rule: string): Value | undefined {
  const colon = rule.indexOf(':');
  const [name, argument] = colon < 0 ? [rule, ''] : [rule.slice(0, colon), rule.slice(colon + 1)];
  switch (name) {
    case 'lower':
    case 'upper':
      return colon < 0 && value.letterCase === undefined && geo.includes(value.name) ? { ...value, letterCase: name } : undefined;
    case 'title':
      return colon < 0 && value.letterCase === undefined && places.includes(value.name)
        ? { ...value, letterCase: name }
        : undefined;
    case 'words': {
      const joiner = Object.hasOwn(joiners, argument) ? joiners[argument] : undefined;
      if (joiner === undefined || value.joiner !== undefined || !places.includes(value.name)) return undefined;
      return { ...value, joiner };
    }
    case 'default':
      if (value.name !== 'country' || value.fallback !== undefined || !/^[A-Za-z0-9]{1,64}$/.test(argument)) return undefined;
      return { ...value, fallback: argument };
    case 'units': {
      const units = argument.split(',');
      const known = units.every((unit, index) => allUnits.includes(unit) && units.indexOf(unit) === index);
      return value.name === 'ttl' && value.units === undefined && known ? { ...value, units: units as Unit[] } : undefined;
    }
    default:
      return undefined;
  }
}

/** The characters an alphabet such as `a-z0-9_` stands for, in order; `undefined` when it is ill-formed or names one twice. */
export function alphabetCharacters(alphabet: string): string | undefined {
  let characters = '';
  for (let at = 0; at < alphabet.length; at++) {
    const from = alphabet.charCodeAt(at);
    const isRange = alphabet[at + 1] === '-' && at + 2 < alphabet.length;
    const to = isRange ? alphabet.charCodeAt(at + 2) : from;
    if (to < from || to - from > 93) return undefined;
    for (let code = from; code <= to; code++) characters += String.fromCharCode(code);
    if (isRange) at += 2;
  }
  return new Set(characters).size === characters.length ? characters : undefined;
}
