import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { cloudFunction } from '../../../adapters/gcp/cloud-function.ts';
import { HeaderList } from '../../../core/http/header-list.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rawMessage } from '../../support/gcp/raw-request.ts';

it('the time that content takes to come is of the function’s own', async () => {
  const clock = new FakeClock({ now: 1_000_000 });
  let deadline = 0;
  const serve = cloudFunction(
    (_request, context) => {
      deadline = context.deadline;
      return { status: 204, headers: new HeaderList(), body: undefined };
    },
    { clock, timeoutMs: 60_000 },
  );
  const server = createServer(serve).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.resume();
  socket.write(rawMessage('POST /', ['Content-Length: 2']));
  await once(server, 'request');
  await clock.advance(10_000);
  socket.write('ab');
  await once(socket, 'close');
  expect(deadline).toBe(1_000_000 + 60_000 - 250);
});
