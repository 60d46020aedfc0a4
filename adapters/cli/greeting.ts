import { join } from 'node:path';
import type { Configuration } from '../../core/config/configuration.ts';
import { createEgressPolicy } from '../../core/egress/egress-policy.ts';
import type { Local } from '../local/start-local.ts';
import { ownCommand } from './own-command.ts';

interface GreetingOptions {
  readonly host: string;
  readonly data: string;
  readonly tlsCert?: string;
}

/** What `portolan dev` says when it runs: where everything is, and commands to try it with. */
export function greeting(local: Local, options: GreetingOptions, configuration: Configuration, file: string | undefined): string {
  const { host, data } = options;
  const authority = host.includes(':') ? `[${host}]` : host;
  const api = `${options.tlsCert === undefined ? 'http' : 'https'}://${authority}:${local.port}`;
  const trusting = (line: string): string =>
    options.tlsCert === undefined ? line : line.replaceAll('curl ', `curl --cacert ${options.tlsCert} `);
  const missing = local.unreadableSecrets.map(({ name, error }) => {
    const variable = `PORTOLAN_SECRET_${name.toUpperCase().replaceAll('-', '_')}`;
    return `  secret ${name}: ${error.reason ?? error.code}; set ${variable}, or write ${join(data, 'secrets', name)}`;
  });
  const { routes = [], auth } = configuration;
  const places = [
    auth === undefined ? undefined : `  control API      ${api}  (OpenAPI: ${api}/v1/openapi.json)`,
    local.gatewayPort === undefined ? undefined : `  forward gateway  http://${authority}:${local.gatewayPort}`,
    routes.length === 0 ? undefined : `  reverse proxy    ${api}  (${routes.length} ${routes.length === 1 ? 'route' : 'routes'})`,
    local.redirectPort === undefined ? undefined : `  redirected       http://${authority}:${local.redirectPort}  (to https)`,
    `  data             ${data}`,
    local.pushedVersion === undefined
      ? undefined
      : `  routes           version ${local.pushedVersion}, which was pushed, not those of the file; "config rollback --to 0" leads back`,
    `  configuration    ${file ?? 'none: no proxy vendor, loopback origins allowed, a sample backend'}`,
  ];
  return [
    '',
    missing.length === 0 ? 'Portolan is running.' : `Portolan is running, but not ready:\n\n${missing.join('\n')}`,
    '',
    ...places.filter((line) => line !== undefined),
    '',
    ...(auth === undefined ? [] : [...keyLines(local, options), '']),
    'Try it in another terminal:',
    '',
    ...(local.gatewayPort === undefined ? [] : sessionLines(local, configuration, api, authority)).map(trusting),
    ...(routes.length === 0 ? [] : routeLines(file, api)).map(trusting),
    'Stop with Ctrl-C.',
    '',
  ].join('\n');
}

function keyLines(local: Local, { data }: GreetingOptions): readonly string[] {
  if (local.firstKey !== undefined)
    return ['Your API key, shown this once and stored hashed:', '', `  export PORTOLAN_API_KEY=${local.firstKey}`];
  return [
    'Use the API key you have, or make one:',
    '',
    `  ${ownCommand()} keys create --data ${data}`,
    '',
    '  export PORTOLAN_API_KEY=ptl_...',
  ];
}

function sessionLines(local: Local, configuration: Configuration, api: string, authority: string): readonly string[] {
  const reachesItself = createEgressPolicy(configuration.gateway?.egress).decideHost(authority, local.port).allowed;
  return [
    '  # create a sticky session and take its proxy URL',
    `  proxyUrl=$(curl -s -X POST ${api}/v1/sessions -H "Authorization: Bearer $PORTOLAN_API_KEY" -H 'Content-Type: application/json' \\`,
    `    -d '{"sessionId":"first","ttlSeconds":600}' | sed -n 's/.*"proxyUrl":"\\([^"]*\\)".*/\\1/p'); echo "$proxyUrl"`,
    ...(reachesItself
      ? [
          '  # use it, here for a page of Portolan itself; any https:// address works as well',
          `  curl -x "$proxyUrl" --noproxy '' ${api}/healthz`,
        ]
      : ['  # use it', '  curl -x "$proxyUrl" https://example.com/']),
    '  # end it: the proxy URL is refused from now on',
    `  curl -X DELETE ${api}/v1/sessions/first -H "Authorization: Bearer $PORTOLAN_API_KEY"`,
    '',
  ];
}

function routeLines(file: string | undefined, api: string): readonly string[] {
  if (file === undefined) {
    return [
      '  # ask the sample backend through the reverse proxy: it tells what reached it',
      `  curl ${api}/sample/hello?name=world`,
      '',
    ];
  }
  return ['  # which route would serve a request, and why', `  ${ownCommand()} routes explain "GET ${api}/" --config ${file}`, ''];
}
