import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lambdaHttpCodecs, parseLambdaSource } from '../../../adapters/aws/select-codec.ts';
import { readCorpusFile } from '../../corpus/format.ts';
import { startFront } from '../../support/aws/front.ts';
import type { Front } from '../../support/aws/front.ts';
import { LambdaError, startLambda } from '../../support/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../../support/aws/lambda-runtime.ts';

const taskRoot = fileURLToPath(new URL('../../support/aws/hello', import.meta.url));
const signals = mkdtempSync(join(tmpdir(), 'portolan-lambda-'));
afterAll(() => rmSync(signals, { recursive: true }));

describe('the handler in the real Lambda runtime', () => {
  let lambda: LambdaFunction;
  beforeAll(async () => {
    lambda = await startLambda({ taskRoot, env: { SETTING: 'set' } });
  });
  afterAll(() => lambda.stop());

  test('sees the platform’s facts; only the first invocation is a cold start', async () => {
    const { event } = readCorpusFile('aws-http-v2');
    const first = JSON.parse(((await lambda.invoke(event)) as { body: string }).body);
    expect(first).toMatchObject({ source: 'aws-http-v2', clientAddress: '203.0.113.9', coldStart: true, setting: 'set' });
    expect(first.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(first.traceId).toMatch(/^Root=1-5759e988/);
    expect(first.remainingMs).toBeGreaterThan(1_000);
    expect(first.remainingMs).toBeLessThanOrEqual(29_750);
    const second = JSON.parse(((await lambda.invoke(event)) as { body: string }).body);
    expect(second.coldStart).toBe(false);
    expect(second.requestId).not.toBe(first.requestId);
  });

  test('an event of no source is an error that names the shape', async () => {
    const failure = lambda.invoke({ Records: [{ body: 'secret' }] });
    await expect(failure).rejects.toBeInstanceOf(LambdaError);
    await expect(failure).rejects.toMatchObject({
      errorType: 'TypeError',
      message: expect.stringContaining('{Records}') as string,
    });
  });

  test('a handler that throws fails its invocation, and the next one works', async () => {
    const { event } = readCorpusFile('aws-http-v2');
    await expect(lambda.invoke({ ...(event as object), rawPath: '/throw' })).rejects.toMatchObject({ errorType: 'RangeError' });
    expect(await lambda.invoke(event)).toMatchObject({ statusCode: 200 });
  });

  describe.each(Object.keys(lambdaHttpCodecs).map(parseLambdaSource))('behind %s', (source) => {
    let front: Front;
    beforeAll(async () => {
      front = await startFront({ source, lambda });
    });
    afterAll(() => front.stop());

    test('a request arrives as it was sent, and the answer as it was given', async () => {
      const response = await fetch(`${front.origin}/hello?a=1&b=%C3%A9`, {
        method: 'POST',
        headers: { 'x-tag': 'one', cookie: 'c=3; d=4', 'x-forwarded-for': '10.0.0.1' },
        body: Uint8Array.of(0, 255, 128),
      });
      expect(response.status).toBe(200);
      expect(response.headers.getSetCookie()).toEqual(['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']);
      expect(await response.json()).toMatchObject({
        method: 'POST',
        scheme: 'https',
        target: '/hello?a=1&b=%C3%A9',
        tag: ['one'],
        cookie: 'c=3; d=4',
        body: 'AP+A',
        source,
        clientAddress: '127.0.0.1',
      });
    });

    test('binary content and no content come back as they are', async () => {
      expect(new Uint8Array(await (await fetch(`${front.origin}/binary`)).arrayBuffer())).toEqual(Uint8Array.of(0, 255, 128));
      const empty = await fetch(`${front.origin}/empty`);
      expect(empty.status).toBe(204);
      expect(empty.headers.get('x-a')).toBe('1');
    });

    test('a path that starts with two slashes, or has escapes, stays one', async () => {
      const { target } = await new Promise<{ target: string }>((resolve, reject) => {
        httpRequest(front.origin, { path: '//evil.example/a%20b' }, (response) => {
          void response
            .toArray()
            .then((chunks: Buffer[]) => resolve(JSON.parse(Buffer.concat(chunks).toString()) as { target: string }));
        })
          .on('error', reject)
          .end();
      });
      expect(target).toBe('//evil.example/a%20b');
    });

    test('an answer that breaks off behind the function is a 502 problem', async () => {
      const response = await fetch(`${front.origin}/broken`);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ type: 'https://portolan.dev/problems/response-incomplete' });
    });

    test('a function that fails is the platform’s own 502', async () => {
      const response = await fetch(`${front.origin}/throw`);
      expect(response.status).toBe(502);
      expect(await response.json()).toEqual({ message: 'Internal Server Error' });
    });
  });
});

describe('the streaming handler in the real Lambda runtime', () => {
  let lambda: LambdaFunction;
  beforeAll(async () => {
    lambda = await startLambda({ taskRoot, handler: 'index.streamHandler', env: { SIGNALS: signals } });
  });
  afterAll(() => lambda.stop());

  describe.each(['aws-url', 'aws-rest'] as const)('behind %s', (source) => {
    let front: Front;
    beforeAll(async () => {
      front = await startFront({ source, lambda, streaming: true });
    });
    afterAll(() => front.stop());

    test('status, fields, cookies and content arrive', async () => {
      const response = await fetch(`${front.origin}/hello`, { method: 'PUT', body: 'text' });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(response.headers.getSetCookie()).toHaveLength(2);
      expect(await response.json()).toMatchObject({ method: 'PUT', source, body: Buffer.from('text').toString('base64') });
    });

    test('an answer without content has its head all the same', async () => {
      const response = await fetch(`${front.origin}/empty`);
      expect(response.status).toBe(204);
      expect(response.headers.get('x-a')).toBe('1');
    });

    test('chunks arrive while the function still works', async () => {
      for (const chunk of ['one', 'two', 'three']) rmSync(join(signals, chunk), { force: true });
      const response = await fetch(`${front.origin}/slow`);
      const reader = (response.body ?? new ReadableStream()).getReader();
      for (const chunk of ['one', 'two', 'three']) {
        const { value } = (await reader.read()) as { value: Uint8Array };
        expect(Buffer.from(value).toString()).toBe(chunk);
        writeFileSync(join(signals, chunk), '');
      }
      expect((await reader.read()).done).toBe(true);
    });

    test('an answer that breaks off is cut off: the client learns it, and sees no word of the reason', async () => {
      const response = await fetch(`${front.origin}/broken`);
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
      expect(lambda.output()).not.toContain('secret reason');
    });

    test('the runtime serves on after that', async () => {
      expect((await fetch(`${front.origin}/hello`)).status).toBe(200);
    });
  });
});

describe('a function that cannot be loaded', () => {
  test('fails at its start, with the runtime’s own reason', async () => {
    await expect(startLambda({ taskRoot, handler: 'index.missing' })).rejects.toMatchObject({
      errorType: 'Runtime.HandlerNotFound',
    });
    await expect(startLambda({ taskRoot, handler: 'absent.handler' })).rejects.toMatchObject({
      errorType: 'Runtime.ImportModuleError',
    });
  });
});
