import type { RouteConfiguration, UpstreamConfiguration } from '../configuration.ts';
import { proxyDefaults } from '../defaults.ts';
import { platformLimits } from '../platform-limits.ts';
import { upstreamDefaults } from '../upstream/settings.ts';
import type { Report } from './report.ts';

/** Time-outs of a route's upstreams that can never pass, because the route's own is over first. Only written ones: defaults give way. */
export function checkTimeouts(
  { timeoutMs, upstream, split }: RouteConfiguration,
  upstreams: Readonly<Record<string, UpstreamConfiguration>>,
  problem: Report,
  warning: Report,
): void {
  const whole = timeoutMs ?? proxyDefaults.route.timeoutMs;
  const own = timeoutMs === undefined ? `${whole}, the default` : `${timeoutMs}`;
  for (const name of new Set([upstream, split?.old, split?.new])) {
    if (name === undefined || !Object.hasOwn(upstreams, name)) continue;
    const { timeouts = {}, retry } = upstreams[name] ?? {};
    for (const part of ['connectMs', 'tryMs'] as const) {
      const ms = timeouts[part];
      if (ms !== undefined && ms > whole) {
        problem(
          '/timeoutMs',
          `(${own}) is less than ${part} of ${name} (${ms}), which can never pass`,
          `raise it, or lower ${part}`,
        );
      }
    }
    const { connectMs, responseHeadersMs, tryMs } = timeouts;
    if (responseHeadersMs !== undefined && (connectMs ?? 0) + responseHeadersMs > whole) {
      warning('/timeoutMs', `(${own}) may be over before responseHeadersMs of ${name} (${responseHeadersMs})`);
    }
    const tries = 1 + (retry?.retries ?? upstreamDefaults.retry.retries);
    if (tryMs !== undefined && tryMs <= whole && tries > 1 && tryMs * tries > whole) {
      warning('/timeoutMs', `(${own}) leaves no time for ${tries} tries of ${tryMs} each at ${name}`);
    }
  }
}

/** Figures over what some platform allows: there it is the platform's that counts. */
export function warnOfPlatforms({ timeoutMs, maxRequestBytes, maxRequestFieldBytes }: RouteConfiguration, warning: Report): void {
  const over = (pointer: string, value: number | undefined, limit: 'requestBytes' | 'requestFieldBytes' | 'timeoutMs'): void => {
    const exceeded = platformLimits.flatMap(({ name, [limit]: most }) =>
      value !== undefined && most !== undefined && value > most ? [`${name} (${most})`] : [],
    );
    if (exceeded.length > 0)
      warning(pointer, `is over what the platform allows on ${exceeded.join(', ')}`, 'there the platform ends it first');
  };
  over('/timeoutMs', timeoutMs, 'timeoutMs');
  over('/maxRequestBytes', maxRequestBytes, 'requestBytes');
  over('/maxRequestFieldBytes', maxRequestFieldBytes, 'requestFieldBytes');
}
