import type { EgressPolicy, EgressRefusal } from '../../../core/egress/egress-policy.ts';
import type { Host } from '../../../core/egress/host.ts';

/** Where a client wants to go, in canonical form. */
export interface Destination {
  readonly host: Host;
  readonly port: number;
  /** `host:port`, as CONNECT wants it. */
  readonly authority: string;
  /** The origin-form target byte for byte, for plain HTTP; empty for a tunnel. */
  readonly target: string;
}

export type DestinationResult =
  { readonly ok: true; readonly destination: Destination } | { readonly ok: false; readonly reason: EgressRefusal };

const absoluteForm = /^http:\/\/([^/?#]*)([^#]*)$/i;
const hostAndPort = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/;

/** Reads the target of a plain HTTP request (absolute form, RFC 9112 section 3.2.2) or of CONNECT, and asks the policy. */
export function readDestination(method: string, url: string, egress: EgressPolicy): DestinationResult {
  const isTunnel = method === 'CONNECT';
  const [, hostPort, rest = ''] = isTunnel ? ['', url] : (absoluteForm.exec(url) ?? []);
  // userinfo is refused with everything else that is no host: it would go on to the next proxy
  const [, hostText, portText = isTunnel ? '' : '80'] = hostAndPort.exec(hostPort ?? '') ?? [];
  if (hostText === undefined || portText === '') return { ok: false, reason: 'invalid-host' };
  const port = Number(portText);
  const decision = egress.decideHost(hostText, port);
  if (!decision.allowed) return { ok: false, reason: decision.reason };
  const { host } = decision;
  return {
    ok: true,
    destination: {
      host,
      port,
      authority: `${host.text.includes(':') ? `[${host.text}]` : host.text}:${port}`,
      target: isTunnel || rest.startsWith('/') ? rest : `/${rest}`,
    },
  };
}
