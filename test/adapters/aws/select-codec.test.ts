import { describe, expect, test } from 'vitest';
import { lambdaHttpCodecs, parseLambdaSource, selectCodec } from '../../../adapters/aws/select-codec.ts';
import { readCorpusFile } from '../../corpus/format.ts';

const sources = Object.keys(lambdaHttpCodecs).map(parseLambdaSource);

describe('telling the event source apart', () => {
  test.each(sources)('every event of %s is told by its shape, and matches no other source', (source) => {
    for (const { name, event } of readCorpusFile(source).requests) {
      expect(selectCodec(event).source, name).toBe(source);
      expect(
        sources.filter((each) => lambdaHttpCodecs[each].matches(event)),
        name,
      ).toEqual([source]);
    }
  });

  test('a setting decides between the two sources of payload format 2.0, where an address cannot', () => {
    const { event } = readCorpusFile('aws-http-v2');
    expect(selectCodec(event, 'aws-url').source).toBe('aws-url');
    expect(selectCodec(readCorpusFile('aws-url').event, 'aws-http-v2').source).toBe('aws-http-v2');
  });

  test('a setting does not make an event of another shape acceptable', () => {
    const { event } = readCorpusFile('aws-alb');
    expect(() => selectCodec(event, 'aws-rest')).toThrow(/^Not an HTTP event of aws-rest /);
    expect(() => selectCodec(event, 'aws-url')).toThrow(TypeError);
    expect(() => selectCodec(event, 'aws-alb-multi')).toThrow(TypeError);
  });

  test.each([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['text', 'GET /', 'string'],
    ['an empty object', {}, '{}'],
    ['a queue’s records', { Records: [{ body: 'secret' }] }, '{Records}'],
    [
      'a WebSocket message',
      { requestContext: { connectionId: 'c', eventType: 'MESSAGE' }, body: 'secret' },
      '{connectionId, eventType}',
    ],
    ['a scheduled event', { source: 'aws.events', detail: { token: 'secret' } }, '{source, detail}'],
    [
      'an HTTP API’s payload format 1.0',
      { version: '1.0', resource: '/', path: '/', httpMethod: 'GET', requestContext: { identity: {} } },
      'must be set to 2.0',
    ],
  ])('%s is one clear error that names the shape and holds no value', (_, event, shape) => {
    const call = (): unknown => selectCodec(event);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(shape);
    expect(call).not.toThrow('secret');
  });

  test('a source that does not exist is refused', () => {
    expect(() => parseLambdaSource('aws-websocket')).toThrow(/^The event source must be one of aws-http-v2, /);
    expect(() => parseLambdaSource('constructor')).toThrow(TypeError);
  });
});
