import { compose } from '../composition/compose.ts';
import { loadDeployment } from '../node/load-deployment.ts';
import { lambdaHandler, lambdaStreamHandler } from './lambda-handler.ts';
import type { LambdaHandler, LambdaStreamHandler } from './lambda-handler.ts';
import { awsModule } from './module.ts';
import { parseLambdaSource } from './select-codec.ts';

// The deployed function: everything is made here, once a process; the clients connect with their first call.
const { portolan, logger, clock } = compose(awsModule(process.env, await loadDeployment(process.env, import.meta.url)));
const source = process.env['PORTOLAN_EVENT_SOURCE'];
const options = { clock, logger, source: source === undefined ? undefined : parseLambdaSource(source) };

/** For buffered answers: HTTP API, REST API, function URL, load balancer. Set as `index.handler`. */
export const handler: LambdaHandler = lambdaHandler(portolan.handler, options);

/** For streamed answers: function URL with `RESPONSE_STREAM`, REST API with `STREAM`. Set as `index.streamHandler`. */
export const streamHandler: LambdaStreamHandler = lambdaStreamHandler(portolan.handler, options);
