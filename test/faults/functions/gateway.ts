import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import type { HttpHandler, LogAttributes, Logger } from '../../../core/ports/index.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import type { ProxyConfiguration } from '../../../core/proxy/configuration.ts';
import { realGateway } from '../../support/real-gateway.ts';
import type { Logged } from '../../support/real-gateway.ts';

/** What a deployed function tells about itself when it is asked for `inspectTarget`. */
export interface Inspection {
  readonly pid: number;
  /** The access lines. */
  readonly lines: readonly LogAttributes[];
  readonly logged: readonly Logged[];
  /** What was thrown where nobody caught it, and what Node warned of. */
  readonly uncaught: readonly string[];
  /** Timers that hold the event loop. */
  readonly timers: number;
  /** All that was printed. */
  readonly printed: string;
}

export const inspectTarget = '/.well-known/inspection';
/** The variable that holds the configuration, as JSON. */
export const configurationVariable = 'GATEWAY';

/** A gateway for one of the platforms' shells, in a process of its own. */
export function gatewayOfProcess(): { readonly handler: HttpHandler; readonly logger: Logger } {
  const uncaught: string[] = [];
  process.on('unhandledRejection', (reason) => uncaught.push(`rejection: ${String(reason)}`));
  process.on('uncaughtExceptionMonitor', (error) => uncaught.push(`exception: ${String(error)}`));
  process.on('warning', ({ name }) => {
    if (name !== 'ExperimentalWarning') uncaught.push(`warning: ${name}`);
  });
  // A connection that is stuck stays so, and one that a slow machine let wait is not closed.
  subscribe('http.server.request.start', (message) => {
    (message as { server: Server }).server.keepAliveTimeout = 0;
  });
  const printed = keepPrinted();
  const configuration = JSON.parse(process.env[configurationVariable] ?? '') as ProxyConfiguration;
  const gateway = realGateway(configuration, { isServer: false });
  return {
    logger: gateway.logger,
    handler: (request, context) => {
      if (request.target !== inspectTarget) return gateway.handler(request, context);
      const inspection: Inspection = {
        pid: process.pid,
        lines: gateway.lines(),
        logged: gateway.logged,
        uncaught,
        timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
        printed: printed(),
      };
      return {
        status: 200,
        headers: new HeaderList(['content-type', 'application/json']),
        body: JSON.stringify(inspection),
      };
    },
  };
}

function keepPrinted(): () => string {
  let printed = '';
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...told: unknown[]) => boolean;
    stream.write = (...told: unknown[]): boolean => {
      printed += String(told[0]);
      return write(...told);
    };
  }
  return () => printed;
}
