/** What each platform loses of a request, as a function on what the client sent: the names are those of `test/corpus/platform-losses.json`. */

/** A request as a client sends it. */
export interface Sent {
  readonly method: string;
  /** With `?` and the query, if there is one. */
  readonly target: string;
  /** name, value; names lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
}

export type Loss = (sent: Sent) => Sent;

export type Source = 'aws-alb' | 'aws-alb-multi' | 'aws-http-v2' | 'aws-rest' | 'aws-url' | 'azure' | 'gcp';

const emptyQuery: Loss = (sent) => ({ ...sent, target: sent.target.replace(/\?$/, '') });

const fieldsJoined: Loss = (sent) => ({ ...sent, fields: regrouped(sent.fields, (values) => [values.join(',')], ['cookie']) });

const cookiesJoined: Loss = (sent) => {
  const cookies = sent.fields.filter(([name]) => name === 'cookie').map(([, value]) => value);
  if (cookies.length < 2) return sent;
  return { ...sent, fields: [...sent.fields.filter(([name]) => name !== 'cookie'), ['cookie', cookies.join('; ')]] };
};

/** Named parameters, in the order in which objects keep them: numbers first, then as they came. */
const queryByName: Loss = (sent) =>
  withQuery(sent, (query) => {
    const parameters: Record<string, string[]> = {};
    for (const pair of query.split('&').filter((text) => text !== '')) {
      const [name = '', ...value] = pair.split('=');
      (parameters[name] ??= []).push(value.join('='));
    }
    return Object.entries(parameters)
      .flatMap(([name, values]) => values.map((value) => `${name}=${value}`))
      .join('&');
  });

export const losses: Readonly<Record<Source, Readonly<Record<string, Loss>>>> = {
  'aws-http-v2': {
    'path cut': (sent) => withPath(sent, (path) => path.replace(/%3f.*$/i, '')),
    'decoded path': (sent) => withPath(sent, (path) => encodeSegments(decodeBytes(path))),
    'fields joined': fieldsJoined,
    'cookies joined': cookiesJoined,
    'empty query': emptyQuery,
  },
  'aws-url': { 'fields joined': fieldsJoined, 'cookies joined': cookiesJoined, 'empty query': emptyQuery },
  'aws-rest': {
    'decoded query': (sent) =>
      withQuery(sent, (query) =>
        query
          .split('&')
          .filter((text) => text !== '')
          .map((pair) => {
            const [name = '', ...value] = pair.split('=');
            return [name, value.join('=')].map((text) => encodeURIComponent(decodeBytes(text.replaceAll('+', ' ')))).join('=');
          })
          .join('&'),
      ),
    'query by name': queryByName,
    'empty query': emptyQuery,
  },
  'aws-alb': {
    'query by name': queryByName,
    'last parameter': (sent) =>
      withQuery(sent, (query) => {
        const last = new Map(query.split('&').map((pair) => [pair.split('=')[0], pair]));
        return [...last.values()].join('&');
      }),
    'last field': (sent) => ({ ...sent, fields: regrouped(sent.fields, (values) => values.slice(-1)) }),
    'empty query': emptyQuery,
  },
  'aws-alb-multi': { 'query by name': queryByName, 'empty query': emptyQuery },
  azure: {
    'URL parsed': (sent) => {
      const { pathname, search } = new URL(`https://api.example.com${sent.target}`);
      return { ...sent, target: pathname + (sent.target.endsWith('?') ? '?' : search) };
    },
    'fields joined': fieldsJoined,
    'cookies joined': cookiesJoined,
    'content of GET': (sent) => (sent.method === 'GET' || sent.method === 'HEAD' ? { ...sent, body: undefined } : sent),
    'field __proto__': (sent) => ({ ...sent, fields: sent.fields.filter(([name]) => name !== '__proto__') }),
  },
  gcp: {
    // Received as sent, as it is deployed: nothing is taken out of its coding.
    'content coding': (sent) => sent,
  },
};

/** Fields that reach a backend beside the client's, because the platform's front end adds them. Documented in docs/platforms.md. */
export const additions: Readonly<Record<Source, readonly string[]>> = {
  'aws-alb': [],
  'aws-alb-multi': [],
  'aws-http-v2': [],
  'aws-rest': [],
  'aws-url': [],
  azure: [],
  gcp: ['x-cloud-trace-context'],
};

function withPath(sent: Sent, change: (path: string) => string): Sent {
  const mark = sent.target.indexOf('?');
  const path = mark === -1 ? sent.target : sent.target.slice(0, mark);
  return { ...sent, target: change(path) + sent.target.slice(path.length) };
}

function withQuery(sent: Sent, change: (query: string) => string): Sent {
  const mark = sent.target.indexOf('?');
  return mark === -1 ? sent : { ...sent, target: `${sent.target.slice(0, mark)}?${change(sent.target.slice(mark + 1))}` };
}

function regrouped(
  fields: Sent['fields'],
  change: (values: readonly string[]) => readonly string[],
  except: readonly string[] = [],
): Sent['fields'] {
  const values = new Map<string, string[]>();
  for (const [name, value] of fields) values.set(name, [...(values.get(name) ?? []), value]);
  return [...values].flatMap(([name, all]) => (except.includes(name) ? all : change(all)).map((value) => [name, value] as const));
}

function decodeBytes(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString());
}

/** All but what a path may hold, and its slashes (RFC 3986 section 3.3). */
function encodeSegments(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/gu, (character) =>
    [...Buffer.from(character.toWellFormed())].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
