// A gateway behind both of our Lambda handlers.
import { lambdaHandler, lambdaStreamHandler } from '../../../../adapters/aws/lambda-handler.ts';
import { gatewayOfProcess } from '../gateway.ts';

const gateway = gatewayOfProcess();

export const handler = lambdaHandler(gateway.handler, { logger: gateway.logger });
export const streamHandler = lambdaStreamHandler(gateway.handler, { logger: gateway.logger });
