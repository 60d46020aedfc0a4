/** What the host and the worker tell each other: the messages of the platform's own protocol, as far as an app can notice, as plain data. */

/** What an app registers: a function's name and bindings. */
export interface AppFunction {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
}

export interface Binding {
  readonly type: string;
  readonly direction: string;
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly schedule?: string;
}

/** A value as the platform sends it. */
export type TypedData = { readonly json: string } | { readonly string: string };

export type ToWorker = {
  readonly kind: 'invoke';
  readonly invocationId: string;
  readonly name: string;
  readonly request: {
    readonly triggerMetadata: Readonly<Record<string, TypedData>>;
    readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
    readonly traceContext?: { readonly traceParent: string };
  };
};

export type FromWorker =
  | { readonly kind: 'ready'; readonly capabilities: Readonly<Record<string, string>>; readonly functions: readonly AppFunction[] }
  | { readonly kind: 'failed'; readonly failure: string }
  | { readonly kind: 'done'; readonly invocationId: string; readonly failure?: string }
  | { readonly kind: 'log'; readonly level: string; readonly category: string; readonly message: string };
