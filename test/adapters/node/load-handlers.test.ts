import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError, loadConfiguration } from '../../../adapters/node/load-configuration.ts';
import { loadHandlers } from '../../../adapters/node/load-handlers.ts';
import type { RequestContext } from '../../../core/ports/index.ts';

describe("the user's own code", () => {
  let folder: string;
  /** Where a bundle would be. */
  let bundle: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portolan-handlers-'));
    bundle = pathToFileURL(join(folder, 'index.mjs')).href;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('is handlers.mjs beside the bundle: each function it exports by its name, and nothing else of it', async () => {
    write(
      'handlers.mjs',
      `export const hello = async (request) => new Response('hello ' + new URL(request.url).search);
       export function other() { return new Response() }
       export const notAFunction = 7;
       export default () => new Response('default');`,
    );
    const handlers = (await loadHandlers({}, bundle)) ?? {};
    expect(Object.keys(handlers).toSorted()).toEqual(['default', 'hello', 'other']);
    const answer = await handlers['hello']?.(new Request('http://localhost/?name=you'), {} as RequestContext);
    expect(await answer?.text()).toBe('hello ?name=you');
  });

  it('is the file that PORTOLAN_HANDLERS_FILE names, and then not the one beside the bundle', async () => {
    write('handlers.mjs', 'export const beside = () => new Response();');
    const named = write('mine.mjs', 'export const named = () => new Response();');
    expect(Object.keys((await loadHandlers({ PORTOLAN_HANDLERS_FILE: named }, bundle)) ?? {})).toEqual(['named']);
  });

  it('may be absent, unless it is named', async () => {
    expect(await loadHandlers({}, bundle)).toBeUndefined();
    const lost = loadHandlers({ PORTOLAN_HANDLERS_FILE: join(folder, 'nowhere.mjs') }, bundle);
    await expect(lost).rejects.toThrow(ConfigurationError);
    await expect(lost).rejects.toThrow('The file that PORTOLAN_HANDLERS_FILE names does not exist');
  });

  it('that cannot be loaded stops the start with its own error', async () => {
    write('handlers.mjs', "throw new RangeError('mine');");
    await expect(loadHandlers({}, bundle)).rejects.toThrow(RangeError);
  });
});

describe('a deployed configuration that names handlers', () => {
  const env = { PORTOLAN_CONFIG: JSON.stringify({ routes: [{ id: 'hello', handler: 'hello' }] }) };

  it('is right with the handlers that are there', () => {
    expect(loadConfiguration(env, import.meta.url, { hello: () => undefined }).routes).toHaveLength(1);
  });

  it('is refused whole when one is missing, and says so', () => {
    const load = (handlers: object): unknown => loadConfiguration(env, import.meta.url, { ...handlers });
    expect(() => load({})).toThrow('PORTOLAN_CONFIG: /routes/0/handler is not a handler of this process (this process has none)');
    expect(() => load({ helo: () => undefined })).toThrow('did you mean "helo"?');
  });

  it('is not judged by them where nobody knows them', () => {
    expect(loadConfiguration(env, import.meta.url).routes).toHaveLength(1);
  });
});
