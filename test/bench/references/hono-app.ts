import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import type { LambdaContext } from '../../../adapters/aws/lambda-context.ts';
import { getSession } from './hand-written.ts';
import type { Answer, Deployment } from './hand-written.ts';

type Handler = (event: unknown, context: LambdaContext) => Promise<object>;

/** The same route in Hono on its Lambda adapter, doing the same work. */
export function honoHandler(deployment: Deployment): Handler {
  return honoOver((id) => getSession(deployment, id));
}

export function honoOver(answer: (id: string) => Answer | Promise<Answer>): Handler {
  const app = new Hono();
  app.get('/v1/sessions/:id', async (context) => {
    const { status, headers, body } = await answer(context.req.param('id'));
    return context.body(body, status as 200, headers);
  });
  return handle(app) as unknown as Handler;
}
