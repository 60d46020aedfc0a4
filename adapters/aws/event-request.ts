import type { Body, HeaderFields, HttpRequest } from '../../core/ports/index.ts';

/** What every Lambda event says of its content. */
export interface EventContent {
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
}

/** A request over an event. The content is decoded when somebody reads it. */
export class EventRequest implements HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly target: string;
  readonly headers: HeaderFields;
  #content: EventContent | undefined;
  #body: Body;

  constructor(
    method: string,
    scheme: 'http' | 'https',
    authority: string,
    target: string,
    headers: HeaderFields,
    content: EventContent,
  ) {
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.target = target;
    this.headers = headers;
    this.#content = content;
  }

  get body(): Body {
    if (this.#content !== undefined) {
      const { body, isBase64Encoded } = this.#content;
      this.#content = undefined;
      // No platform can tell empty content from none: some say '', some null, some nothing.
      if (typeof body === 'string' && body !== '') this.#body = isBase64Encoded === true ? Buffer.from(body, 'base64') : body;
    }
    return this.#body;
  }
}
