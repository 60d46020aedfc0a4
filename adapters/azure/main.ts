import { app } from '@azure/functions';
import { compose } from '../composition/compose.ts';
import { optionalInteger } from '../node/environment.ts';
import { loadDeployment } from '../node/load-deployment.ts';
import { azureModule, tableOptions } from './module.ts';
import { recordsTable } from './records-table.ts';
import { registerHttp } from './register-http.ts';
import { registerSweeper } from './register-sweeper.ts';
import { Sweeper } from './sweeper.ts';

// The deployed function app: everything is made here, once a process; the clients connect with their first call.
const { portolan, logger, clock } = compose(azureModule(process.env, await loadDeployment(process.env, import.meta.url)));

registerHttp(app, portolan.handler, {
  clock,
  logger,
  trustedHops: optionalInteger(process.env, 'PORTOLAN_TRUSTED_HOPS', 0, 16),
});
registerSweeper(app, new Sweeper(recordsTable(tableOptions(process.env)), clock), { clock, logger });
