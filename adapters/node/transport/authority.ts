import { UpstreamError } from '../../../core/ports/index.ts';

/** Host and port of an authority; the scheme's port where it names none. @throws {UpstreamError} it is none */
export function readAuthority(authority: string, scheme: 'http' | 'https'): { readonly host: string; readonly port: number } {
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']');
  const host = hasPort ? authority.slice(0, colon) : authority;
  const port = hasPort ? Number(authority.slice(colon + 1)) : scheme === 'https' ? 443 : 80;
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UpstreamError('proxy_configuration_error', false);
  }
  return { host, port };
}
