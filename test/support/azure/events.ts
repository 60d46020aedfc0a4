import { HttpRequest } from '@azure/functions';
import type { WireRequest } from '../aws/events.ts';

/** A request as the library makes it known to a function, as plain data. */
export interface FunctionsEvent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body?: string;
}

/**
 * What Azure Functions make of a request as the client sent it: App Service's front end adds who called and how, the host joins repeated
 * fields, and the whole URL is the library's to parse.
 *
 * https://learn.microsoft.com/azure/app-service/overview-inbound-outbound-ips,
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/HttpRequest.ts
 */
export function functionsEvent({ method, scheme, authority, target, headers, body }: WireRequest): FunctionsEvent {
  const fields = new Map<string, string>();
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  const event = { method, url: `${scheme}://${authority}${target}`, headers: Object.fromEntries(fields) };
  return body === undefined ? event : { ...event, body: Buffer.from(body).toString('base64') };
}

/** The library's own request for it. */
export function functionsRequest(event: unknown): HttpRequest {
  const { method, url, headers, body } = event as FunctionsEvent;
  return new HttpRequest({
    method,
    url,
    headers: { ...headers },
    ...(body === undefined ? {} : { body: { bytes: Buffer.from(body, 'base64') } }),
  });
}
