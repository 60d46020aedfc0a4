import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RequestContext } from '../../../../core/ports/index.ts';
import type { SharedGate } from '../../../../core/proxy/migration/roll-backs.ts';
import { WatchedGate } from '../../../../core/proxy/migration/watched-gate.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MemoryLogger } from '../../../support/memory-logger.ts';

it('keeps no request waiting for what the store has to be told of a roll-back', async () => {
  const clock = new FakeClock();
  const shared: SharedGate = {
    add: () => expect.unreachable('nothing was counted'),
    rolledBack: async () => ({ reason: 'errors', at: clock.now() - 1_000, until: undefined, heldAt: -Infinity }),
    rollBack: () => expect.unreachable('it is known already'),
    hold: () => new Promise(() => undefined),
  };
  const gate = new WatchedGate('orders', {}, { shared, clock, logger: new MemoryLogger() });
  const beside: Promise<unknown>[] = [];
  const context: RequestContext = {
    source: 'test',
    requestId: 'r',
    clientAddress: undefined,
    deadline: clock.now() + 60_000,
    waitUntil: (work) => void beside.push(work),
  };
  expect(await Promise.race([gate.isRolledBack(context), turn('waits')])).toBe(true);
  expect(await Promise.race([Promise.all(beside), turn('goes on')])).toBe('goes on');
});
