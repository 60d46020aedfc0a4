import type { ConfigurationProblem } from '../config/check-configuration.ts';
import { checkConfiguration } from '../config/check-configuration.ts';
import type { Configuration } from '../config/configuration.ts';
import { configurationOperations } from '../control/configuration-operations.ts';
import type { Operations } from '../control/operation.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counters } from '../ports/counters.ts';
import type { Crypto } from '../ports/crypto.ts';
import { PortError } from '../ports/errors.ts';
import type { HttpHandler, HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import type { CallOptions, KeyValueStore } from '../ports/key-value-store.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Transports } from '../ports/transport.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';
import { builtInTemplates } from '../session/vendors/catalogue.ts';
import { createTraceIds } from '../telemetry/trace-context.ts';
import { base64url } from '../text/base64url.ts';
import { canonicalJson } from '../text/canonical-json.ts';
import { checkTlsSecrets } from './check/check-tls-secrets.ts';
import { CompiledProxy } from './compiled-proxy.ts';
import type { ProxyConfiguration } from './configuration.ts';
import { proxyDefaults } from './defaults.ts';
import { deployedVersion } from './deployed-version.ts';
import { LiveConfiguration } from './live/live-configuration.ts';
import { StoredConfigurations } from './live/stored-configurations.ts';
import { MirrorReport } from './migration/mirror-report.ts';
import type { MirrorReportPorts } from './migration/mirror-report.ts';
import { carriedGates, gateNames } from './migration/gate-names.ts';
import type { GatedConfiguration } from './migration/gate-names.ts';
import type { MigrationReport } from './migration/migration-report.ts';
import { sharedGate } from './migration/roll-backs.ts';
import type { ProxyPlatform } from './platform.ts';
import { createUpstreams } from './upstream/create-upstreams.ts';
import type { RunningUpstreams } from './upstream/create-upstreams.ts';

export interface ReverseProxyPorts {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: () => number;
  readonly logger: Logger;
  /** `durable` */
  readonly store: KeyValueStore;
  readonly counters: Counters;
  readonly secrets: CachedSecrets;
}

/** Makes the proxy that a configuration with `routes` asks for; see `reverseProxy`. */
export type ProxyFactory = (ports: ReverseProxyPorts, configuration: Configuration) => ReverseProxy;

/** The gateway on a platform. Core's object graph is handed it and does not import it: a function without routes need not load it. */
export function reverseProxy(platform: ProxyPlatform): ProxyFactory {
  return (ports, configuration) => new ReverseProxy(ports, platform, configuration);
}

/** A function's first answer may wait for a look at its secrets, and so may a push: it may take so long. */
const secretsMs = 1_000;

/**
 * The gateway's job: serves the deployed routes, and those pushed since where there are API keys to push them with.
 */
export class ReverseProxy {
  readonly #ports: ReverseProxyPorts;
  readonly #platform: ProxyPlatform;
  readonly #transports: Transports;
  readonly #deployed: Configuration;
  readonly #reports = new Map<string, MirrorReport>();
  /** Routes of the last configuration that was compiled. */
  #servedBefore: ReadonlySet<string> = new Set();
  readonly #stored: StoredConfigurations;
  readonly #serving: CompiledProxy | LiveConfiguration<CompiledProxy>;
  /** Its secrets have not been looked at yet. */
  #unchecked: ProxyConfiguration | undefined;
  /** For the control API. */
  readonly operations: Operations;

  /** @param configuration checked, with `routes` */
  constructor(ports: ReverseProxyPorts, platform: ProxyPlatform, configuration: Configuration) {
    const { store, crypto, clock, logger, secrets } = ports;
    this.#ports = ports;
    this.#platform = platform;
    this.#deployed = configuration;
    this.#transports = platform.openTransports(secrets, logger);
    const traceIds = createTraceIds(crypto);
    const upstreamPorts = {
      ...ports,
      transports: this.#transports,
      discovery: platform.discovery,
      server: platform.isServer,
    };
    const running: RunningUpstreams = new Map();
    let gatesBefore: CompiledProxy['gates'] = new Map();
    const compile = (served: GatedConfiguration): CompiledProxy => {
      const { document, version } = served;
      const upstreams = createUpstreams(document.upstreams ?? {}, upstreamPorts, running);
      let compiled: CompiledProxy;
      try {
        compiled = new CompiledProxy(document, version, {
          ...ports,
          compression: platform.compression,
          handlers: platform.handlers,
          traceIds,
          upstreams,
          gateName: gateNames(served, crypto),
          gatesBefore,
          mirrorReport: (routeId) => this.#reportOf(routeId),
          server: platform.isServer,
        });
      } catch (error) {
        upstreams.close().catch(() => {
          logger.log('warn', 'upstream.not_closed');
        });
        throw error;
      }
      gatesBefore = compiled.gates;
      this.#forgetReports(document);
      const isSecured = Object.values(document.upstreams ?? {}).some(({ tls }) => tls !== undefined);
      this.#unchecked = isSecured ? document : undefined;
      return compiled;
    };
    const deployed = (): CompiledProxy => compile({ version: deployedVersion, document: configuration });
    const stored = new StoredConfigurations(store, crypto, clock);
    this.#stored = stored;
    this.#serving =
      configuration.auth === undefined
        ? deployed()
        : new LiveConfiguration(
            stored,
            deployed,
            (document, { version, epochs, gates }) => {
              const [problem] = this.#check(document);
              if (problem !== undefined) throw new TypeError(`${problem.pointer} ${problem.detail}`);
              return compile({ version: String(version), document, epochs, gates });
            },
            { clock, logger },
            configuration.proxy?.live?.pollMs ?? proxyDefaults.proxy.pollMs,
          );
    this.operations = configurationOperations({
      stored,
      check: async (document, options) => {
        const problems = [...this.#check(document), ...this.#checkFixed(document)];
        if (problems.length > 0) return problems;
        // the store has to be asked in the same time
        const ms = Math.min(secretsMs, Math.max(0, (options.deadline ?? Infinity) - clock.now()));
        return checkTlsSecrets(document, this.#transports, logger, { clock, ms });
      },
      gatesAfter: async (document, active, options) => {
        if (document.routes?.some(({ split }) => split?.gate !== undefined) !== true) return undefined;
        let before: GatedConfiguration;
        try {
          before = await this.#gated(active, options);
        } catch (error) {
          if (!(error instanceof PortError && error.code === 'data_loss')) throw error;
          // a push is the way out of what cannot be read any more: nothing can be said to be the same in it
          logger.log('warn', 'configuration.gates_not_carried', { version: active });
          return undefined;
        }
        return carriedGates(document, before, crypto);
      },
      migration: (routeId, options) => this.#migration(routeId, options),
      clock,
      logger,
    });
  }

  readonly handle: HttpHandler = (request: HttpRequest, context: RequestContext): HttpResponse | Promise<HttpResponse> => {
    const work = this.#ports.secrets.pending();
    if (work !== undefined) context.waitUntil(work);
    if (this.#unchecked !== undefined) context.waitUntil(this.checkSecrets());
    if (this.#serving instanceof CompiledProxy) return this.#serving.handle(request, context);
    const served = this.#serving.current(context);
    return served instanceof Promise
      ? served.then(({ proxy }) => proxy.handle(request, context))
      : served.proxy.handle(request, context);
  };

  /**
   * Says in the log which secrets of the served configuration's upstreams cannot be used: once for each, with the first request, unless a server asks for it
   * when it starts. Those of a push are looked at before it is accepted, and again here: they may have changed since.
   */
  async checkSecrets(): Promise<void> {
    const document = this.#unchecked;
    if (document === undefined) return;
    this.#unchecked = undefined;
    const { logger, clock } = this.#ports;
    for (const { pointer, detail } of await checkTlsSecrets(document, this.#transports, logger, { clock, ms: secretsMs })) {
      logger.log('error', 'upstream.tls.unusable', { pointer, detail });
    }
  }

  /** Requests in flight go on; health checks and idle connections end. */
  async close(): Promise<void> {
    await this.#serving.close();
  }

  /** The pushed version that is served; `undefined` for what was deployed. @throws {PortError} */
  async pushedVersion(): Promise<number | undefined> {
    if (this.#serving instanceof CompiledProxy) return undefined;
    const active = (await this.#stored.pointer())?.active ?? 0;
    return active === 0 ? undefined : active;
  }

  /** A pushed document replaces routes, upstreams and settings; the rest stays as deployed. */
  #check(document: ProxyConfiguration): readonly ConfigurationProblem[] {
    const { routes: _routes, upstreams: _upstreams, proxy: _proxy, ...rest } = this.#deployed;
    const checked = checkConfiguration({ ...rest, ...document }, builtInTemplates, {
      hasGateway: true,
      isServer: this.#platform.isServer,
      handlers: Object.keys(this.#platform.handlers ?? {}),
    });
    return checked.ok ? [] : checked.problems;
  }

  /** What a push cannot change: said to who pushes, and no reason to refuse what was stored before the last deployment. */
  #checkFixed({ proxy = {} }: ProxyConfiguration): readonly ConfigurationProblem[] {
    const { proxy: deployed = {} } = this.#deployed;
    return (['controlHosts', 'live'] as const).flatMap((name) =>
      proxy[name] === undefined || canonicalJson(proxy[name]) === canonicalJson(deployed[name] ?? null)
        ? []
        : [{ pointer: `/proxy/${name}`, detail: 'is another than the deployed one', hint: 'leave it out, or deploy it' }],
    );
  }

  /** What mirrors of a route have found, and its gate; `undefined` where there is neither a mirror, nor a split, nor anything found. */
  async #migration(routeId: string, options: CallOptions): Promise<MigrationReport | undefined> {
    const own = this.#reports.get(routeId);
    // what this instance has found since it last told: there may be no request after the one that is asked about
    await own?.flush();
    const totals = await (own ?? this.#newReport(routeId)).read(options);
    const found = totals.sent + totals.failed + totals.skipped > 0;
    // what is served, or will be within a poll
    const served = await this.#gated((await this.#stored.pointer(options))?.active ?? 0, options);
    const route = served.document.routes?.find(({ id }) => id === routeId);
    if (!found && route?.mirror === undefined && route?.split === undefined) return undefined;
    if (route?.split?.gate === undefined) return { ...totals, rolledBack: undefined };
    const gate = sharedGate(gateNames(served, this.#ports.crypto)(route), this.#storing());
    return { ...totals, rolledBack: await gate.rolledBack() };
  }

  /** @param active 0 for what was deployed */
  async #gated(active: number, options: CallOptions | undefined): Promise<GatedConfiguration> {
    const version = active === 0 ? undefined : await this.#stored.version(active, options);
    return version === undefined
      ? { version: deployedVersion, document: this.#deployed }
      : { ...version, version: String(active), document: await this.#stored.document(version, options) };
  }

  /** Those of routes that are gone since the configuration before, whose mirrors have ended by now, as far as they have told what they found. */
  #forgetReports({ routes = [] }: ProxyConfiguration): void {
    const served = new Set(routes.map(({ id }) => id));
    for (const [id, report] of this.#reports) {
      if (!served.has(id) && !this.#servedBefore.has(id) && report.isTold) this.#reports.delete(id);
    }
    this.#servedBefore = served;
  }

  #reportOf(routeId: string): MirrorReport {
    const report = this.#reports.get(routeId) ?? this.#newReport(routeId);
    this.#reports.set(routeId, report);
    return report;
  }

  #newReport(routeId: string): MirrorReport {
    return new MirrorReport(routeId, this.#storing());
  }

  #storing(): MirrorReportPorts {
    const { store, counters, clock, crypto } = this.#ports;
    return { store, counters, clock, operationId: () => base64url(crypto.randomBytes(12)) };
  }
}
