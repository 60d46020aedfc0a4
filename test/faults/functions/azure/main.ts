/** A gateway as a function app. */
import { app } from '@azure/functions';
import { registerHttp } from '../../../../adapters/azure/register-http.ts';
import { gatewayOfProcess } from '../gateway.ts';

const { handler, logger } = gatewayOfProcess();
registerHttp(app, handler, { logger });
