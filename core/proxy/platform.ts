import type { WebHandler } from '../http/web-bridge.ts';
import type { Compression } from '../ports/compression.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Transports } from '../ports/transport.ts';
import type { CachedSecrets } from '../secrets/cached-secrets.ts';

/** What a proxy needs of a platform beside the other ports. */
export interface ProxyPlatform {
  /**
   * @param secrets where CA and client certificates are
   * @param logger told of client certificates that are not valid, or not for long
   */
  openTransports(secrets: CachedSecrets, logger: Logger): Transports;
  readonly discovery: Discovery;
  readonly compression: Compression;
  /** The user's own code by the names that routes give it; default none. */
  readonly handlers?: Readonly<Record<string, WebHandler>> | undefined;
  /** Whether work goes on between requests: active health checks, adaptive limits. A function is frozen then. */
  readonly isServer: boolean;
}
