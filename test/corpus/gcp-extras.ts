import type { Corpus } from './format.ts';

/** Cases only Google Cloud's functions have. Written by hand. */
export const gcpExtras: Pick<Corpus, 'requests' | 'responses'> = {
  requests: [
    {
      name: 'a path with a malformed escape',
      event: {
        method: 'GET',
        originalUrl: '/100%/%zz',
        rawHeaders: ['Host', 'portolan.example'],
      },
      becomes: {
        method: 'GET',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/100%/%zz',
        headers: ['host', 'portolan.example'],
        clientAddress: null,
      },
    },
    {
      name: 'a route the framework ignores by itself',
      event: {
        method: 'GET',
        originalUrl: '/favicon.ico',
        rawHeaders: ['Host', 'portolan.example'],
      },
      becomes: {
        method: 'GET',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/favicon.ico',
        headers: ['host', 'portolan.example'],
        clientAddress: null,
      },
    },
    {
      name: 'an absolute target, which overrides Host',
      event: {
        method: 'GET',
        originalUrl: 'https://Portolan.example:8443/a%2Fb?c',
        rawHeaders: ['Host', 'other.example', 'X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'https'],
      },
      becomes: {
        method: 'GET',
        scheme: 'https',
        authority: 'portolan.example:8443',
        target: '/a%2Fb?c',
        headers: ['host', 'other.example', 'x-forwarded-for', '203.0.113.9', 'x-forwarded-proto', 'https'],
        clientAddress: '203.0.113.9',
      },
    },
    {
      name: 'malformed JSON, which the framework would refuse',
      event: {
        method: 'POST',
        originalUrl: '/content',
        rawHeaders: ['Host', 'portolan.example', 'Content-Type', 'application/json', 'Content-Length', '5'],
        content: 'eyJiYWQ=',
      },
      becomes: {
        method: 'POST',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/content',
        headers: ['host', 'portolan.example', 'content-type', 'application/json', 'content-length', '5'],
        body: { text: '{"bad' },
        clientAddress: null,
      },
    },
    {
      name: 'compressed content, received as sent',
      event: {
        method: 'POST',
        originalUrl: '/content',
        rawHeaders: ['Host', 'portolan.example', 'Content-Encoding', 'gzip', 'Content-Length', '31'],
        content: 'H4sIAAAAAAAAA6tWyq9UsiopKk2tBQC8Xb8jCwAAAA==',
      },
      becomes: {
        method: 'POST',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/content',
        headers: ['host', 'portolan.example', 'content-encoding', 'gzip', 'content-length', '31'],
        body: { base64: 'H4sIAAAAAAAAA6tWyq9UsiopKk2tBQC8Xb8jCwAAAA==' },
        clientAddress: null,
      },
    },
    {
      name: 'compressed content, left to the framework',
      event: {
        method: 'POST',
        originalUrl: '/content',
        rawHeaders: ['Host', 'portolan.example', 'Content-Encoding', 'gzip', 'Content-Length', '31', 'Content-Type', 'text/plain'],
        rawBody: 'eyJvayI6dHJ1ZX0=',
      },
      becomes: {
        method: 'POST',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/content',
        headers: ['host', 'portolan.example', 'content-type', 'text/plain'],
        body: { text: '{"ok":true}' },
        clientAddress: null,
      },
      loses: ['content coding'],
    },
    {
      name: 'a client behind two fields of hops, with its port',
      event: {
        method: 'GET',
        originalUrl: '/',
        rawHeaders: ['Host', 'portolan.example', 'X-Forwarded-For', '10.0.0.1', 'x-forwarded-for', '127.0.0.1, [2001:db8::9]:4321'],
      },
      becomes: {
        method: 'GET',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/',
        headers: ['host', 'portolan.example', 'x-forwarded-for', '10.0.0.1', 'x-forwarded-for', '127.0.0.1, [2001:db8::9]:4321'],
        clientAddress: '2001:db8::9',
      },
    },
    {
      name: 'a last hop that is no address',
      event: {
        method: 'GET',
        originalUrl: '/',
        rawHeaders: ['Host', 'portolan.example', 'X-Forwarded-For', '203.0.113.9, unknown'],
      },
      becomes: {
        method: 'GET',
        scheme: 'http',
        authority: 'portolan.example',
        target: '/',
        headers: ['host', 'portolan.example', 'x-forwarded-for', '203.0.113.9, unknown'],
        clientAddress: null,
      },
    },
    {
      name: 'a scheme claimed before the front end’s word',
      event: {
        method: 'GET',
        originalUrl: '/',
        rawHeaders: ['Host', 'portolan.example', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Proto', 'https'],
      },
      becomes: {
        method: 'GET',
        scheme: 'https',
        authority: 'portolan.example',
        target: '/',
        headers: ['host', 'portolan.example', 'x-forwarded-proto', 'http', 'x-forwarded-proto', 'https'],
        clientAddress: null,
      },
    },
  ],
  responses: [
    {
      name: 'not modified, with the length it would have had',
      response: { status: 304, headers: ['content-length', '42', 'etag', '"1"'] },
      result: { statusCode: 304, rawHeaders: ['content-length', '42', 'etag', '"1"'], body: '' },
    },
  ],
};
