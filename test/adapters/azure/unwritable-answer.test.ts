import { HttpRequest, InvocationContext } from '@azure/functions';
import { expect, it } from 'vitest';
import { functionsHandler } from '../../../adapters/azure/register-http.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { quietTestMode } from '../../support/azure/quiet-test-mode.ts';

it('content of an answer that cannot be written is freed', async () => {
  quietTestMode();
  let freed = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => undefined),
      return: async () => ((freed += 1), { done: true as const, value: undefined }),
    }),
  };
  const handler = functionsHandler(() => ({ status: 700, headers: new HeaderList(), body }));
  const request = new HttpRequest({ method: 'GET', url: 'https://a.example/' });
  const response = (await handler(request, new InvocationContext())) as Response;
  expect([response.status, freed]).toEqual([500, 1]);
});
