import { globSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { scopes } from '../../../core/auth/api-key.ts';
import { routes } from '../../../core/control/routes.ts';
import { problemBase } from '../../../core/http/problem.ts';
import { misfit, openApi } from '../../support/openapi.ts';
import type { Documented } from '../../support/openapi.ts';
import { startPortolan } from '../../support/portolan.ts';

const operations: readonly (readonly [path: string, method: string, operation: Documented])[] = Object.entries(
  openApi.paths,
).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => [path, method, operation] as const));

/** Every schema object that stands anywhere in the document. */
function schemasIn(value: unknown, found: object[] = []): readonly object[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'schema' && typeof member === 'object' && member !== null) found.push(member as object);
    schemasIn(member, found);
  }
  return found;
}

describe('the OpenAPI document', () => {
  it('is served as it is, without a key', async () => {
    const answer = await startPortolan().call('GET', '/v1/openapi.json', { key: null });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(openApi)));
  });

  it('has the form of OpenAPI 3.1.0', () => {
    expect(openApi.openapi).toBe('3.1.0');
    expect(openApi.info).toMatchObject({ title: expect.any(String) as unknown, version: expect.any(String) as unknown });
    expect(Object.keys(openApi).toSorted()).toEqual(['components', 'info', 'openapi', 'paths', 'servers']);
    const ids = operations.map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, method, operation] of operations) {
      expect(path).toMatch(/^\/[a-zA-Z0-9/.{}]*$/);
      expect(['get', 'post', 'put', 'delete']).toContain(method);
      const known = ['operationId', 'summary', 'description', 'security', 'parameters', 'requestBody', 'responses', 'x-scope'];
      expect(known).toEqual(expect.arrayContaining(Object.keys(operation)));
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[2-5][0-9]{2}$/);
        expect(response.description).not.toBe('');
        expect(['description', 'headers', 'content']).toEqual(expect.arrayContaining(Object.keys(response)));
      }
      const inPath = operation.parameters.filter((parameter) => parameter['in'] === 'path').map(({ name }) => name);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      const named = operation.parameters.map((parameter) => `${String(parameter['in'])} ${String(parameter['name'])}`);
      expect(new Set(named).size).toBe(named.length);
      for (const parameter of operation.parameters) {
        expect(parameter).toMatchObject({
          name: expect.any(String) as unknown,
          in: expect.stringMatching(/^(path|query|header)$/) as unknown,
          schema: expect.any(Object) as unknown,
        });
        if (parameter['in'] === 'path') expect(parameter['required']).toBe(true);
        expect(parameter).not.toHaveProperty('content');
      }
      if (method !== 'post' && method !== 'put') expect(operation.requestBody).toBeUndefined();
    }
    expect(openApi.components.securitySchemes).toEqual({
      apiKey: { type: 'http', scheme: 'bearer', bearerFormat: 'ptl_<id>_<secret>' },
    });
  });

  it('holds only schemas of JSON Schema 2020-12, whose references lead somewhere', () => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, validateFormats: false });
    ajv.addKeyword('example');
    const schemas = [...schemasIn(openApi.paths), ...Object.values(openApi.components.schemas)];
    expect(schemas.length).toBeGreaterThan(40);
    for (const schema of schemas) expect(ajv.validateSchema(schema), JSON.stringify(schema)).toBe(true);
    const references = [...JSON.stringify(openApi).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference ?? '');
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) {
      expect(reference).toMatch(/^#\/components\/schemas\/[A-Za-z]+$/);
      expect(openApi.components.schemas).toHaveProperty(reference.slice('#/components/schemas/'.length));
    }
  });

  it('documents every route, with its scope, and nothing else', () => {
    const documented = operations.map(([path, method, operation]) => [
      method.toUpperCase(),
      path,
      operation.operationId,
      (operation as { 'x-scope'?: string })['x-scope'],
    ]);
    expect(documented).toEqual(
      expect.arrayContaining(routes.map(({ method, path, operation, scope }) => [method, path, operation, scope])),
    );
    expect(documented).toHaveLength(routes.length);
    for (const [, , operation] of operations) {
      const scope = (operation as { 'x-scope'?: string })['x-scope'];
      expect(operation.security).toEqual(scope === undefined ? [] : [{ apiKey: [] }]);
      if (scope !== undefined) expect(scopes).toContain(scope);
    }
  });

  it('documents what every secured call can answer, and 413 and 415 where there is content', () => {
    for (const [, , operation] of operations) {
      const statuses = Object.keys(operation.responses);
      if (operation.security.length > 0) expect(statuses).toEqual(expect.arrayContaining(['400', '401', '403', '429', '503']));
      if (operation.requestBody !== undefined) expect(statuses).toEqual(expect.arrayContaining(['413', '415']));
      expect(
        operation.requestBody === undefined ||
          operation.requestBody.required === ['extendSession', 'pushConfiguration'].includes(operation.operationId),
      ).toBe(true);
    }
  });

  it('has request schemas that say what the handler does with a request', async () => {
    const bodies: readonly unknown[] = [
      {},
      { sessionId: 'b' },
      { sessionId: 'x@y' },
      { ttlSeconds: 60 },
      { ttlSeconds: 5 },
      { generation: 1 },
      { generation: 0 },
      { tags: { a: 'b' } },
      { tags: { a: 1 } },
      { label: 'x' },
      { other: 1 },
      [],
      'x',
      null,
    ];
    for (const [path, method, operation] of operations) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      if (schema === undefined) continue;
      for (const body of bodies) {
        const { call } = startPortolan({ configuration: { routes: [] } });
        await call('POST', '/v1/sessions', { body: { sessionId: 'a' } });
        const { status } = await call(method.toUpperCase(), path.replace('{sessionId}', 'a'), { body: JSON.stringify(body) });
        expect(status === 400, `${path} ${JSON.stringify(body)}`).toBe(misfit(schema, body) !== undefined);
      }
    }
  });

  it('catches an answer it does not describe: the check can fail', async () => {
    const session = (await startPortolan().call('POST', '/v1/sessions')).json as Record<string, unknown>;
    const schema = { $ref: '#/components/schemas/Session' };
    expect(misfit(schema, session)).toBeUndefined();
    for (const [name, wrong] of [
      ['state', 'dead'],
      ['generation', 0],
      ['generation', '1'],
      ['proxy', {}],
      ['extra', 1],
      ['pool', null],
    ] as const) {
      expect(misfit(schema, { ...session, [name]: wrong }), name).toBeDefined();
    }
    for (const name of ['sessionId', 'proxyUrl', 'effectiveUntil']) {
      const { [name]: _left, ...rest } = session;
      expect(misfit(schema, rest), name).toBeDefined();
    }
    expect(
      misfit({ $ref: '#/components/schemas/SessionPage' }, { sessions: [{ ...session, generation: 0 }], nextCursor: null }),
    ).toBeDefined();
  });
});

describe('the table of problem types', () => {
  const root = new URL('../../../', import.meta.url).pathname;
  const rows = readFileSync(`${root}docs/problems.md`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const cells = /^\| `([a-z-]+)` *\| (\d{3}) *\| (.+) \| (.+) \|$/.exec(line);
      return cells === null ? [] : [{ type: cells[1] ?? '', status: cells[2] ?? '', means: cells[3] ?? '', todo: cells[4] ?? '' }];
    });

  /** `<status> <type>` of every problem that the sources make. */
  const made = new Set(
    globSync(['core/**/*.ts', 'adapters/**/*.ts'], { cwd: root }).flatMap((file) => {
      const source = readFileSync(`${root}${file}`, 'utf8').replaceAll(/\s+/g, ' ');
      const direct = [...source.matchAll(/status: (\d{3}), type: '([a-z-]+)'/g)];
      const rejected = [...source.matchAll(/(\d{3}): \['([a-z-]+)', '[A-Z]/g)].filter(() => file.endsWith('reject.ts'));
      const limits = [...source.matchAll(/tooManyRequests\( ?'([a-z-]+)'/g)].map(([, type]) => ['', '429', type]);
      return [...direct, ...rejected, ...limits].map(([, status, type]) => `${status} ${type}`);
    }),
  );

  it('lists every type that the code can make, with its status, and no other', () => {
    expect(made.size).toBeGreaterThan(20);
    expect(rows.map(({ status, type }) => `${status} ${type}`).toSorted()).toEqual([...made].toSorted());
  });

  it('misses no problem made in another way', () => {
    for (const file of globSync(['core/**/*.ts', 'adapters/**/*.ts'], { cwd: root })) {
      const source = readFileSync(`${root}${file}`, 'utf8').replaceAll(/\s+/g, ' ');
      const calls = [...source.matchAll(/problemResponse\(/g)].length;
      const seen = [...source.matchAll(/problemResponse\( ?\{ ?status: (?:\d{3}|429|rejected\.status|problem\.status), type/g)]
        .length;
      // Its definition.
      expect(seen, file).toBe(file.endsWith('http/problem.ts') ? calls - 1 : calls);
    }
  });

  it('says of each what it means and what to do, once, in the order of status', () => {
    expect(new Set(rows.map(({ type }) => type)).size).toBe(rows.length);
    expect(rows.map(({ status }) => status)).toEqual(rows.map(({ status }) => status).toSorted());
    for (const { means, todo } of rows) {
      expect(means.trim()).toMatch(/^[A-Z].*\.$/);
      expect(todo.trim()).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('stands under the address that the types begin with', () => {
    expect(readFileSync(`${root}docs/problems.md`, 'utf8')).toContain(`\`${problemBase}\``);
  });
});
