/** A gateway as a function of Google Cloud. */
import { cloudFunction } from '../../../../adapters/gcp/cloud-function.ts';
import type { CloudFunction } from '../../../../adapters/gcp/cloud-function.ts';
import { receiveAsSent } from '../../../../adapters/gcp/receive-as-sent.ts';
import { gatewayOfProcess } from '../gateway.ts';

receiveAsSent();

const { handler, logger } = gatewayOfProcess();

export const portolan: CloudFunction = cloudFunction(handler, { logger });
