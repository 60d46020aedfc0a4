import type { ProxyPlatform } from '../../core/proxy/platform.ts';
import { reverseProxy } from '../../core/proxy/reverse-proxy.ts';
import type { ProxyFactory } from '../../core/proxy/reverse-proxy.ts';
import { nodeProxyPlatform } from './proxy-platform.ts';
import { systemClock } from './system-clock.ts';

/** The gateway, on any Node. */
export function nodeProxy(options: Pick<ProxyPlatform, 'isServer' | 'handlers'>): ProxyFactory {
  return reverseProxy(nodeProxyPlatform({ clock: systemClock, ...options }));
}
