import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { openApiDocument } from '../../core/control/openapi.ts';
import { matchPath } from '../../core/control/routes.ts';

export interface Documented {
  readonly operationId: string;
  readonly parameters: readonly Readonly<Record<string, unknown>>[];
  readonly security: readonly unknown[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

export interface OpenApi {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly unknown[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, unknown>>;
    readonly schemas: Readonly<Record<string, object>>;
  };
}

export const openApi = openApiDocument() as OpenApi;

const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true });
ajv.addSchema({ ...openApi, $id: 'openapi' });

const compiled = new Map<object, ValidateFunction>();

/** What is wrong with a value against a schema of the document; `undefined` when it fits. */
export function misfit(schema: object, value: unknown): string | undefined {
  const validate = compiled.get(schema) ?? ajv.compile(absolute(schema));
  compiled.set(schema, validate);
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** References stand for themselves in the document; outside of it they need its name. */
function absolute(schema: object): object {
  const ref = '$ref' in schema ? schema.$ref : undefined;
  return typeof ref === 'string' ? { $ref: `openapi${ref}` } : schema;
}

export interface Answered {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/**
 * What in an answer the document does not say; `undefined` when it says all of it. Paths outside the document must answer with a problem
 * all the same.
 */
export function undocumented(method: string, target: string, answer: Answered): string | undefined {
  const { status, contentType, text } = answer;
  if (status >= 400 && contentType !== 'application/problem+json' && !target.startsWith('/readyz'))
    return `${status} is no problem but ${contentType}`;
  if (method === 'HEAD') return text === '' ? undefined : 'HEAD has content';
  const match = matchPath(target.split('?')[0] ?? '');
  const operation = match && (method === method.toUpperCase() ? openApi.paths[match.template]?.[method.toLowerCase()] : undefined);
  if (operation === undefined) return status === 404 || status === 405 || status === 204 ? asProblem(answer) : `${status} outside`;
  // A bug is not a documented answer, but it has a form too.
  if (status === 500) return asProblem(answer);
  const response = operation.responses[status];
  if (response === undefined) return `${operation.operationId} does not document ${status}`;
  if (response.content === undefined) return text === '' && contentType === undefined ? undefined : 'content where there is none';
  const media = response.content[contentType ?? ''];
  if (media === undefined) return `${operation.operationId} does not document ${contentType} for ${status}`;
  return misfit(media.schema, JSON.parse(text));
}

function asProblem({ status, text }: Answered): string | undefined {
  if (status === 204) return text === '' ? undefined : '204 has content';
  return misfit({ $ref: '#/components/schemas/Problem' }, JSON.parse(text));
}
