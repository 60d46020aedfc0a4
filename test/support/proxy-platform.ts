import type { ProxyPlatform } from '../../core/proxy/platform.ts';

/** A platform for tests that send nothing to an upstream: each part says so when it is used. */
export const unusedProxyPlatform: ProxyPlatform = {
  openTransports: () => ({
    open: () => ({ send: () => Promise.reject(new Error('No upstream is expected to be asked')), close: () => Promise.resolve() }),
    checkSecrets: () => Promise.resolve([]),
  }),
  discovery: { resolve: () => Promise.reject(new Error('No name is expected to be resolved')) },
  compression: { codings: [], compress: () => Promise.reject(new Error('Nothing is expected to be compressed')) },
  isServer: false,
};
