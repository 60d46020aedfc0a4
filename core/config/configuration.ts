import type { ProxyConfiguration } from '../proxy/configuration.ts';
import type { VendorTemplate } from '../session/vendors/template.ts';

/** Reaches the origin itself instead of a proxy vendor. */
export const directVendor = 'direct';

/** One set of exits: a vendor's product with one account. */
export interface PoolConfiguration {
  /** Id of a vendor template, or `direct`: no vendor, the gateway connects by itself. */
  readonly vendor: string;
  /** Name of the secret with the account: the password as text, or a JSON object of strings with `password` and account fields. */
  readonly secret?: string | undefined;
  /** Account fields of the template that are not secret, for example customer and zone. */
  readonly account?: Readonly<Record<string, string>> | undefined;
  /** Replaces the template's endpoint; needed where the template has none. */
  readonly endpoint?: { readonly host: string; readonly port: number } | undefined;
  /** How the gateway speaks to the vendor; default `http`. */
  readonly protocol?: 'http' | 'https' | 'socks5' | undefined;
  /** Used when a request names none: ISO 3166-1 alpha-2. */
  readonly country?: string | undefined;
  /** What happens when the exit is lost; default `fail` where the vendor can, else `rotate`. */
  readonly onPeerLoss?: PeerLoss | undefined;
  readonly defaultTtlSeconds?: number | undefined;
  readonly maxTtlSeconds?: number | undefined;
  /** Accept a template whose grammar nobody has verified; default false. */
  readonly allowUnverified?: boolean | undefined;
}

export type PeerLoss = 'fail' | 'rotate';

/** Which destinations the forward gateway may reach; public addresses only by default. */
export interface EgressConfiguration {
  readonly allowLoopback?: boolean | undefined;
  readonly allowPrivate?: boolean | undefined;
  /** Addresses, CIDR ranges, hosts, `host:port`. */
  readonly allow?: readonly string[] | undefined;
}

/** Who may call the control API. */
export interface AuthConfiguration {
  /** Name of the secret with key records. */
  readonly keysSecret?: string | undefined;
  /** Accept keys kept in the store; default true. */
  readonly storedKeys?: boolean | undefined;
}

/** The configuration as written: one file for one job or both. `pools` makes it serve sessions, `routes` makes it a proxy; one is there. */
export interface Configuration extends ProxyConfiguration {
  /** Required with `pools`. */
  readonly auth?: AuthConfiguration | undefined;
  /** Name of the secret that signs cursors and gateway tokens: at least 32 characters. Required with `pools`. */
  readonly signingSecret?: string | undefined;
  readonly pools?: Readonly<Record<string, PoolConfiguration>> | undefined;
  /** Used when a request names none; default: the only pool, or the one called `default`. */
  readonly defaultPool?: string | undefined;
  readonly gateway?:
    | {
        /** Where scrapers reach the forward gateway, for example `http://gateway.example.com:8788`. */
        readonly publicUrl?: string | undefined;
        readonly egress?: EgressConfiguration | undefined;
      }
    | undefined;
  readonly sessions?:
    | {
        /** Default 1,800. */
        readonly defaultTtlSeconds?: number | undefined;
        /** Default 86,400. */
        readonly maxTtlSeconds?: number | undefined;
        /** How long a deleted or expired session answers 410, after it would have expired; default 3,600. */
        readonly tombstoneSeconds?: number | undefined;
      }
    | undefined;
  readonly limits?:
    | {
        /** Requests a minute for one tenant on one instance; default 6,000. */
        readonly requestsPerMinute?: number | undefined;
        /** Sessions created in an hour by one tenant, over all instances; default 10,000. */
        readonly createsPerHour?: number | undefined;
      }
    | undefined;
  readonly secrets?: { readonly softTtlSeconds?: number | undefined; readonly hardTtlSeconds?: number | undefined } | undefined;
  /** Templates beside the built-in ones, by id. */
  readonly vendors?: Readonly<Record<string, VendorTemplate>> | undefined;
}

/** A configuration that serves sessions, with what that needs. */
export interface SessionsConfiguration extends Configuration {
  readonly auth: AuthConfiguration;
  readonly signingSecret: string;
  readonly pools: Readonly<Record<string, PoolConfiguration>>;
}

/** Whether sessions are served. The schema sees to it that `auth` and `signingSecret` come with `pools`. */
export function servesSessions(configuration: Configuration): configuration is SessionsConfiguration {
  return configuration.pools !== undefined;
}
