import { describe, expect, it } from 'vitest';
import type { RenderRequest } from '../../../../core/session/vendors/render.ts';
import { builtIn, rendered } from './rendering.ts';

const withUser = (account: Record<string, string>, secret = 'PASSWORD'): Pick<RenderRequest, 'account' | 'secret'> => ({
  account,
  secret,
});

/** The example each vendor prints, and what must come out: `username:password`. */
const printed: readonly (readonly [vendor: string, request: Partial<RenderRequest>, credentials: string])[] = [
  ['oxylabs', { sid: 'abcd1234', geo: { country: 'de' } }, 'customer-USERNAME-cc-DE-sessid-abcd1234:PASSWORD'],
  [
    'iproyal',
    { ...withUser({ username: 'username123' }, 'password321'), sid: 'sgn34f3e', geo: { country: 'br' }, ttlSeconds: 600 },
    'username123:password321_country-br_session-sgn34f3e_lifetime-10m',
  ],
  ['dataimpulse', { ...withUser({ login: 'login' }), sid: '123', geo: { country: 'au' } }, 'login__cr.au;sessid.123:PASSWORD'],
  ['webshare', { ...withUser({ username: 'myuser' }), sid: '1234', geo: { country: 'us' } }, 'myuser-us-1234:PASSWORD'],
  ['massive', { ...withUser({ username: '{U}' }), sid: '37', ttlSeconds: 1_800 }, '{U}-session-37-sessionttl-30:PASSWORD'],
  ['netnut', { sid: '45456' }, 'USERNAME-res-any-sid-45456:PASSWORD'],
  ['apify', { ...withUser({ group: 'SHADER' }), sid: 'new_job_123' }, 'groups-SHADER,session-new_job_123:PASSWORD'],
  [
    'proxy-seller',
    { ...withUser({ login: 'xxx' }), sid: '100', geo: { country: 'US', city: 'New York' }, ttlSeconds: 30 },
    'xxx_c_US_city_New-York_s_100_ttl_30s:PASSWORD',
  ],
  ['bytio', { ...withUser({ zone: 'ABCDEF' }), sid: 'mysession1' }, 'zone-ABCDEF-session-mysession1:PASSWORD'],
  ['pingnetwork', { sid: 'abc123', ttlSeconds: 3_600 }, 'USERNAME-session-abc123-lifetime-60:PASSWORD'],
  [
    'decodo',
    { ...withUser({ username: 'username' }), sid: 'abc123', geo: { country: 'us' }, ttlSeconds: 1_800 },
    'user-username-country-us-sessionduration-30-session-abc123:PASSWORD',
  ],
  ['scrapeops', { secret: 'key', sid: '7' }, 'scrapeops.sticky_session=7:key'],
  [
    'bright-data',
    { ...withUser({ customer: 'c_1', zone: 'res' }), sid: 'mystring12345', failClosed: true },
    'brd-customer-c_1-zone-res-session-mystring12345-const:PASSWORD',
  ],
  [
    'soax-legacy',
    { ...withUser({ package: '1234' }, 'key'), sid: 'rand123456', geo: { country: 'us' }, ttlSeconds: 90 },
    'package-1234-country-us-sessionid-rand123456-sessionlength-90:key',
  ],
  ['scraperapi', { secret: 'API_KEY', sid: '123' }, 'scraperapi.session_number=123:API_KEY'],
];

/** The geography and the switches of each grammar. */
const further: typeof printed = [
  ['hex-proxies', { sid: 'job1' }, 'USERNAME-session-job1:PASSWORD'],
  [
    'bright-data',
    { ...withUser({ customer: 'c', zone: 'z' }), sid: 'a1', geo: { country: 'US', region: 'NY', city: 'New York' } },
    'brd-customer-c-zone-z-country-us-state-ny-city-newyork-session-a1:PASSWORD',
  ],
  [
    'bright-data',
    { ...withUser({ customer: 'c', zone: 'z' }), sid: 'a1', geo: { country: 'US', region: 'new york', city: 'San Francisco' } },
    'brd-customer-c-zone-z-country-us-state-ny-city-sanfrancisco-session-a1:PASSWORD',
  ],
  [
    'bright-data',
    { ...withUser({ customer: 'c', zone: 'z' }), sid: 'a1', geo: { country: 'eu' } },
    'brd-customer-c-zone-z-country-eu-session-a1:PASSWORD',
  ],
  [
    'oxylabs',
    { sid: 'x1', geo: { country: 'us', region: 'California', city: 'Los Angeles' }, ttlSeconds: 1_800 },
    'customer-USERNAME-cc-US-st-us_california-city-los_angeles-sessid-x1-sesstime-30:PASSWORD',
  ],
  [
    'oxylabs',
    { sid: 'x1', geo: { country: 'us', region: 'NY' }, failClosed: true, ttlSeconds: 86_400 },
    'customer-USERNAME-cc-US-st-us_new_york-sessid_oneip-x1-sesstime-1440:PASSWORD',
  ],
  [
    'decodo',
    { sid: 'x1', geo: { country: 'us', region: 'CA', city: 'Los Angeles' }, ttlSeconds: 61 },
    'user-USERNAME-country-us-state-us_california-city-los_angeles-sessionduration-2-session-x1:PASSWORD',
  ],
  [
    'iproyal',
    { sid: 'sgn34f3e', geo: { country: 'US', region: 'Florida', city: 'Miami' }, ttlSeconds: 1_800, failClosed: true },
    'USERNAME:PASSWORD_country-us_state-florida_city-miami_session-sgn34f3e_lifetime-30m_killswitch-1',
  ],
  ['iproyal', { sid: 'sgn34f3e', ttlSeconds: 604_800 }, 'USERNAME:PASSWORD_session-sgn34f3e_lifetime-7d'],
  ['iproyal', { sid: 'sgn34f3e', ttlSeconds: 3_601 }, 'USERNAME:PASSWORD_session-sgn34f3e_lifetime-3601s'],
  [
    'soax-legacy',
    { ...withUser({ package: '1' }), sid: 'r1', geo: { country: 'US', region: 'New York', city: 'New York' }, ttlSeconds: 3_600 },
    'package-1-country-us-region-new+york-city-new+york-sessionid-r1-sessionlength-3600:PASSWORD',
  ],
  ['soax', { secret: 'pk_1', sid: 'r1' }, 'country-any-session-r1:pk_1'],
  [
    'soax',
    { secret: 'pk_1', sid: 'r1', geo: { country: 'US', city: 'Los Angeles' }, ttlSeconds: 3_600 },
    'country-us-city-los_angeles-session-r1-rotate-timed_3600:pk_1',
  ],
  [
    'soax',
    { secret: 'pk_1', sid: 'r1', geo: { country: 'US' }, ttlSeconds: 3_600, failClosed: true },
    'country-us-session-r1-bind-node-onerror-fail:pk_1',
  ],
  ['netnut', { sid: '45456', geo: { country: 'GB' } }, 'USERNAME-res-uk-sid-45456:PASSWORD'],
  [
    'netnut',
    { sid: '45456', geo: { country: 'US', region: 'Alabama', city: 'Birmingham' } },
    'USERNAME-res_sc-us_alabama_birmingham-sid-45456:PASSWORD',
  ],
  ['netnut', { sid: '45456', geo: { country: 'NL', city: 'Amsterdam' } }, 'USERNAME-res_sc-nl_amsterdam-sid-45456:PASSWORD'],
  [
    'dataimpulse',
    { ...withUser({ login: 'login' }), sid: '1', geo: { country: 'US', region: 'New Jersey', city: 'Newark' } },
    'login__cr.us;state.newjersey;city.newark;sessid.1:PASSWORD',
  ],
  ['webshare', { sid: '1234', geo: { country: 'us', city: 'Los Angeles' } }, 'USERNAME-us-city_los_angeles-1234:PASSWORD'],
  [
    'geonode',
    { sid: 'my_session_01', geo: { country: 'US' }, ttlSeconds: 60 },
    'USERNAME-country-us-session-my_session_01-lifetime-3:PASSWORD',
  ],
  [
    'massive',
    { sid: '37', geo: { country: 'us', region: 'California', city: 'new york' }, failClosed: true },
    'USERNAME-country-US-subdivision-CA-city-New%20York-session-37-sessionmode-norotate:PASSWORD',
  ],
  [
    'evomi',
    { sid: 'abc123', geo: { country: 'us', city: 'New York' }, ttlSeconds: 600 },
    'USERNAME:PASSWORD_country-US_city-new.york_session-abc123_lifetime-10',
  ],
  [
    'proxy-seller',
    { ...withUser({ login: 'x' }), sid: '100', geo: { country: 'us', region: '1906' } },
    'x_c_US_sd_1906_s_100:PASSWORD',
  ],
  [
    'apify',
    { ...withUser({ group: 'RESIDENTIAL' }), sid: 's', geo: { country: 'us', region: 'CA' } },
    'groups-RESIDENTIAL,session-s,country-US_CA:PASSWORD',
  ],
  [
    'apify',
    { ...withUser({ group: 'RESIDENTIAL' }), sid: 's', geo: { country: 'us' } },
    'groups-RESIDENTIAL,session-s,country-US:PASSWORD',
  ],
  [
    'scrapeops',
    { secret: 'key', sid: '7', geo: { country: 'IE', city: 'Dublin' } },
    'scrapeops.sticky_session=7.country=ie.city=dublin:key',
  ],
  ['scraperapi', { secret: 'k', sid: '123', geo: { country: 'US' } }, 'scraperapi.session_number=123.country_code=us:k'],
  ['pingnetwork', { sid: 'abc123', geo: { country: 'us' } }, 'USERNAME-cc-US-session-abc123:PASSWORD'],
];

describe('credentials of the built-in vendors', () => {
  it.each(printed)('%s: the vendor’s own example', (vendor, request, credentials) => {
    const { username, password } = rendered(builtIn(vendor), request);
    expect(`${username}:${password}`).toBe(credentials);
  });

  it.each(further)('%s: %j', (vendor, request, credentials) => {
    const { username, password } = rendered(builtIn(vendor), request);
    expect(`${username}:${password}`).toBe(credentials);
  });

  it.each([
    ['bright-data', 'http', undefined, 'brd.superproxy.io', 33335],
    ['bright-data', 'socks5', undefined, 'brd.superproxy.io', 22228],
    ['oxylabs', undefined, undefined, 'pr.oxylabs.io', 7777],
    ['decodo', 'socks5', undefined, 'gate.decodo.com', 7000],
    ['iproyal', 'http', undefined, 'geo.iproyal.com', 12321],
    ['soax', 'http', undefined, 'proxy.soax.com', 1337],
    ['soax-legacy', 'http', undefined, 'proxy.soax.com', 5000],
    ['netnut', 'socks5', undefined, 'gw.netnut.net', 9595],
    ['dataimpulse', 'http', undefined, 'gw.dataimpulse.com', 823],
    ['massive', 'https', undefined, 'network.joinmassive.com', 65535],
  ] as const)('%s over %s (country %s) is at %s:%d', (vendor, protocol, country, host, port) => {
    expect(rendered(builtIn(vendor), { protocol, geo: { country } })).toMatchObject({ scheme: protocol ?? 'http', host, port });
  });

  it('oxylabs-sticky-ports: the port is the session, by country', () => {
    const template = builtIn('oxylabs-sticky-ports');
    expect(rendered(template, { sid: '0' })).toMatchObject({ host: 'pr.oxylabs.io', port: 10_001, username: 'customer-USERNAME' });
    expect(rendered(template, { sid: '9998', geo: { country: 'us' } })).toMatchObject({ host: 'us-pr.oxylabs.io', port: 19_999 });
    expect(rendered(template, { sid: '41', geo: { country: 'GB' } })).toMatchObject({ host: 'gb-pr.oxylabs.io', port: 20_042 });
  });

  it('oxylabs-web-unblocker: the session is a header', () => {
    expect(rendered(builtIn('oxylabs-web-unblocker'), { sid: '123randomString' })).toEqual({
      scheme: 'https',
      host: 'unblock.oxylabs.io',
      port: 60_000,
      username: 'USERNAME',
      password: 'PASSWORD',
      headers: { 'x-oxylabs-session-id': '123randomString' },
    });
  });

  it('hex-proxies: is where the pool says', () => {
    expect(rendered(builtIn('hex-proxies'), { endpoint: { host: 'gate.hexproxies.com', port: 8080 } })).toMatchObject({
      scheme: 'http',
      host: 'gate.hexproxies.com',
      port: 8080,
    });
  });
});
