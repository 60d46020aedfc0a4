import type { Principal } from '../auth/authenticator.ts';
import type { HttpRequest, HttpResponse, RequestContext } from '../ports/http.ts';
import type { CallOptions } from '../ports/key-value-store.ts';
import type { Operation } from './routes.ts';

/** A request that was authenticated, and whose query and content fit their schemas. */
export interface OperationInput {
  readonly request: HttpRequest;
  readonly context: RequestContext;
  readonly options: CallOptions;
  readonly principal: Principal;
  /** Empty where the path has none. */
  readonly sessionId: string;
  readonly query: Readonly<Record<string, string | number>>;
  readonly content: unknown;
}

export type OperationCall = (input: OperationInput) => Promise<HttpResponse>;

/** The operations that one job of this deployment offers. */
export type Operations = Readonly<Partial<Record<Operation, OperationCall>>>;
