import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readObjectType } from './object-type.ts';
import type { Attribute } from './object-type.ts';

/** An input of a module, as its `variable` block says. */
export interface Input {
  readonly name: string;
  readonly description: string;
  /** As written: `string`, `map(string)`, `object({...})`. */
  readonly type: string;
  /** As written; undefined where it must be given. */
  readonly default: string | undefined;
  readonly ephemeral: boolean;
  /** Of an object, with those of objects inside it. */
  readonly attributes: readonly Attribute[];
}

export interface Output {
  readonly name: string;
  readonly description: string;
  readonly type: string;
}

export interface ModuleInterface {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
}

interface Block {
  readonly name: string;
  /** Arguments as written, by name. Blocks inside are left out. */
  readonly arguments: ReadonlyMap<string, string>;
}

/**
 * Reads the inputs and outputs of a module from its files, as `terraform fmt` lays them out: a block's ends are the lines without
 * indentation, its arguments begin with two spaces. No more of the language is understood, and what is not understood is an error.
 *
 * @param variables the files that hold the inputs, in the order they are to be told
 * @throws {TypeError} a block without description or type
 */
export function readInterface(folder: string, variables: readonly string[]): ModuleInterface {
  const inputs = variables.flatMap((file) => readInputs(join(folder, file)));
  return { inputs, outputs: readOutputs(join(folder, 'outputs.tf')) };
}

/** The inputs of one file. @throws {TypeError} a block without description or type */
export function readInputs(file: string): Input[] {
  return readBlocks(file, 'variable').map(({ name, arguments: given }) => {
    const type = required(given, 'type', name);
    return {
      name,
      description: literal(required(given, 'description', name)),
      type,
      default: given.get('default'),
      ephemeral: given.get('ephemeral') === 'true',
      attributes: readObjectType(type),
    };
  });
}

/** The outputs of one file; a description ends with the type. @throws {TypeError} one does not */
export function readOutputs(file: string): Output[] {
  return readBlocks(file, 'output').map(({ name, arguments: given }) => {
    const text = literal(required(given, 'description', name));
    const [, description, type] = /^(.+[.:)]) ([a-z()]+)$/.exec(text) ?? [];
    if (description === undefined || type === undefined) throw new TypeError(`${name}: the description must end with a type`);
    return { name, description, type };
  });
}

function readBlocks(file: string, kind: string): Block[] {
  const pattern = new RegExp(`^${kind} "([^"]+)" \\{\\n([^]*?)^\\}`, 'gm');
  return Array.from(readFileSync(file, 'utf8').matchAll(pattern), ([, name = '', body = '']) => ({
    name,
    arguments: new Map(
      // An argument goes on until the next line that is indented as little.
      Array.from(body.matchAll(/^ {2}(\w+) += ([^]*?)(?=\n {2}\S(?<![)}\]])|\n*$(?![^]))/gm), ([, key = '', value = '']) => [
        key,
        value,
      ]),
    ),
  }));
}

function required(given: ReadonlyMap<string, string>, key: string, name: string): string {
  const value = given.get(key);
  if (value === undefined) throw new TypeError(`${name} has no ${key}`);
  return value;
}

/** The text of a quoted string. */
function literal(quoted: string): string {
  return (JSON.parse(quoted) as string).replaceAll('$${', '${');
}
