/**
 * The credential grammar of one product of one proxy vendor, as data: where the session token goes, how geography is written, how long a
 * session lasts, what happens when its exit is lost. Plain JSON, so that a user's configuration can hold one; there is no vendor code.
 *
 * The texts (`username`, `password`, `headers`, an endpoint's `host`) are lists of parts, joined without anything between them:
 *
 * | written | means |
 * | --- | --- |
 * | `-session-` | itself |
 * | `{sid}` | a value: `account.<field>`, `secret`, `sid`, `country`, `region`, `city`, `ttl` |
 * | `{country\|lower}` | a value with rules, see below |
 * | `[-city-{city\|lower\|words:_}]` | an option: written only when every value in it is there |
 * | `[-const?failClosed]` | an option: written only when the condition holds; `?!failClosed` when it does not |
 *
 * Conditions: `failClosed`, `country`, `region`, `city`, `ttl` (asked for). Rules:
 *
 * | rule | for | does |
 * | --- | --- | --- |
 * | `lower`, `upper` | country, region, city | letter case |
 * | `title` | region, city | first letter of each word upper case, the rest as given |
 * | `words:_` | region, city | joins the words of a name with `_ - + . %20`, or with nothing: `words:none` |
 * | `default:any` | country | what to write when none is asked for |
 * | `units:s,m,h,d` | ttl | the greatest of these units that divides the time, written after the number |
 *
 * There is no way to write `[ ] { }` themselves. No value can hold a character that separates values: `checkTemplate` sees to it.
 */
export interface VendorTemplate {
  /** Vendor and product, for people. */
  readonly title: string;
  /** Goes up by one with each change of what is written. */
  readonly revision: number;
  readonly confidence: Confidence;
  /** When the sources were last read: `2026-09` or `2026-09-30`. */
  readonly checked: string;
  /** Where the grammar is from: addresses of the vendor's pages, or a sentence. */
  readonly source: readonly string[];
  /** What a user should know, sentences. */
  readonly notes?: readonly string[] | undefined;
  /** Fields of the vendor account that the texts use, besides the secret: `customer`, `zone`. */
  readonly account: readonly string[];
  /** At least one; the first is the default. */
  readonly endpoints: readonly VendorEndpoint[];
  readonly username: readonly string[];
  readonly password: readonly string[];
  /** Header fields for the vendor, names lower case. A URL cannot carry them, nor can a tunnel once it is open. */
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly sid: SidText | SidNumber;
  readonly ttl: VendorTtl;
  readonly peerLoss: VendorPeerLoss;
  readonly geo?: VendorGeo | undefined;
  /** What the vendor holds to be part of the session: with another value there, the same token is another session. */
  readonly identity?: readonly ('country' | 'region' | 'city' | 'ttl' | 'failClosed')[] | undefined;
  /** Fields of which at most one may be asked for. */
  readonly exclusive?: readonly (readonly GeoField[])[] | undefined;
  /** Fields that need others: `{ city: ['country'] }`. */
  readonly requires?: { readonly [field in GeoField]?: readonly GeoField[] | undefined } | undefined;
  /** By how much traffic costs more when the field is asked for: `{ city: 2 }`. */
  readonly priceMultiplier?: { readonly [field in GeoField]?: number | undefined } | undefined;
  /** A longer session that the vendor names in its first answer. Recorded, not performed. */
  readonly handshake?: VendorHandshake | undefined;
}

/**
 * How well a grammar is known: `A` the vendor's own page; `B` several independent sources, or the page is silent on a part; `C` one
 * source; `unsure` sources contradict each other or the product may be gone. None was tried with an account.
 */
export type Confidence = 'A' | 'B' | 'C' | 'unsure';

export type GeoField = 'country' | 'region' | 'city';

export type ProxyScheme = 'http' | 'https' | 'socks5';

export interface VendorEndpoint {
  /** How to speak to the proxy; `https` is TLS to the proxy itself. */
  readonly scheme: ProxyScheme;
  /** A text, see above: `{country|lower}.example.com`. */
  readonly host: string;
  /** A port, or the ports that are the sessions: then the token is the offset from `from`. Absent: the pool must name an endpoint. */
  readonly port?: number | { readonly from: number; readonly to: number } | undefined;
  /** This endpoint gives exits of this country and is taken when it is asked for: ISO 3166-1 alpha-2, upper case. */
  readonly country?: string | undefined;
}

/** Session tokens of characters. */
export interface SidText {
  /** The characters, ranges allowed: `a-z0-9_`. Only `A-Z a-z 0-9 - . _ ~`, which need no encoding anywhere. */
  readonly alphabet: string;
  readonly minLength: number;
  readonly maxLength: number;
}

/** Session tokens that are whole numbers, both ends included. */
export interface SidNumber {
  readonly min: number;
  readonly max: number;
}

export interface VendorTtl {
  /** `fixed`: counted from creation or first use; `sliding`: from last use; `none`: no limit is published. */
  readonly kind: 'fixed' | 'sliding' | 'none';
  /** What `{ttl}` counts; absent when the grammar has no lifetime. */
  readonly unit?: 'second' | 'minute' | undefined;
  readonly minSeconds?: number | undefined;
  readonly maxSeconds?: number | undefined;
  /** What the vendor takes when the lifetime is not written. */
  readonly defaultSeconds?: number | undefined;
  /** Without traffic for so long, the vendor may drop the exit. */
  readonly idleSeconds?: number | undefined;
}

export interface VendorPeerLoss {
  /** What the vendor does by default: `swap` silently, or not documented. */
  readonly default: 'swap' | 'unknown';
  /** Present when the vendor can refuse instead: the texts then use the condition `failClosed`. */
  readonly failClosed?:
    | {
        /** Statuses that say the exit is lost, ascending. */
        readonly statuses: readonly number[];
        /** The switch must be on every request, not only on the first. Ours always is. */
        readonly mustRepeatEveryRequest?: boolean | undefined;
      }
    | undefined;
}

export interface VendorGeo {
  readonly country?:
    | {
        /** What the vendor calls a country, by ISO code (upper case): `{ GB: 'uk' }`. Also adds codes that ISO does not have: `{ EU: 'eu' }`. */
        readonly aliases?: Readonly<Record<string, string>> | undefined;
        /** The only countries there are, as ISO codes or keys of `aliases`. */
        readonly only?: readonly string[] | undefined;
      }
    | undefined;
  readonly region?:
    | {
        /** `name` (default) a name; `code` the part of ISO 3166-2 after the hyphen; `number` the vendor's own id. */
        readonly form?: 'name' | 'code' | 'number' | undefined;
        /** The only countries that have regions, ISO codes. */
        readonly countries?: readonly string[] | undefined;
      }
    | undefined;
}

export interface VendorHandshake {
  /** The username of the first request, a text. */
  readonly username: readonly string[];
  /** Where the vendor's answer names the session, lower case. */
  readonly responseHeader: string;
  readonly ttlSeconds?: number | undefined;
}

const ranks: Readonly<Record<Confidence, number>> = { A: 3, B: 2, C: 1, unsure: 0 };

/**
 * Whether a pool must say that it wants this template although its grammar is poorly known.
 *
 * @param threshold the best confidence that still needs it; default `unsure`
 */
export function needsOptIn(template: VendorTemplate, threshold: Confidence = 'unsure'): boolean {
  return ranks[template.confidence] <= ranks[threshold];
}
