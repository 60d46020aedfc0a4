import { PortError } from '../../../core/ports/errors.ts';
import type { Counters, Logger } from '../../../core/ports/index.ts';
import { addUsage } from '../../../core/session/usage.ts';
import { base64url } from '../../../core/text/base64url.ts';
import { nodeCrypto } from '../../node/node-crypto.ts';
import { systemClock } from '../../node/system-clock.ts';
import type { GatewayUsage } from './forward-gateway.ts';

/**
 * Adds to the session's usage beside the traffic; what cannot be counted is said in the log, with the figures.
 *
 * @returns settles when it is counted or said to be lost; never rejects
 */
export async function recordUsage(usage: GatewayUsage, counters: Counters, logger: Logger): Promise<void> {
  try {
    await addUsage(counters, usage, usage, base64url(nodeCrypto.randomBytes(12)), systemClock.now());
  } catch (error) {
    logger.log('error', 'usage.lost', {
      sessionId: usage.sessionId,
      bytesUp: usage.bytesUp,
      bytesDown: usage.bytesDown,
      'error.type': error instanceof PortError ? error.code : 'bug',
    });
  }
}
