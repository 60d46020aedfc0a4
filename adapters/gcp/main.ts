import { compose } from '../composition/compose.ts';
import { optionalInteger, optionalSwitch } from '../node/environment.ts';
import { loadDeployment } from '../node/load-deployment.ts';
import { cloudFunction } from './cloud-function.ts';
import type { CloudFunction } from './cloud-function.ts';
import { gcpModule } from './module.ts';
import { receiveAsSent } from './receive-as-sent.ts';

// The deployed function: everything is made here, once a process; the clients connect with their first call.
const {
  portolan: core,
  configuration,
  logger,
  clock,
} = compose(gcpModule(process.env, await loadDeployment(process.env, import.meta.url)));
// Google's clients take longer to load than a request may on a small instance: those that a request may have to wait for are loaded while it starts.
const { auth, upstreams = {}, routes = [] } = configuration;
const readsSecrets =
  auth !== undefined || Object.values(upstreams).some(({ tls }) => (tls?.ca ?? tls?.clientCertificate) !== undefined);
const readsStore = auth !== undefined || routes.some(({ split }) => split?.gate !== undefined);
await Promise.all([
  readsStore ? import('@google-cloud/firestore') : undefined,
  readsSecrets ? import('@google-cloud/secret-manager') : undefined,
]);
receiveAsSent();

/** The function to deploy: `--entry-point portolan`. */
export const portolan: CloudFunction = cloudFunction(core.handler, {
  clock,
  logger,
  trustedHops: optionalInteger(process.env, 'PORTOLAN_TRUSTED_HOPS', 0, 16),
  forwardedAuthorization: optionalSwitch(process.env, 'PORTOLAN_FORWARDED_AUTHORIZATION'),
  timeoutMs: optionalInteger(process.env, 'PORTOLAN_FUNCTION_TIMEOUT_MS', 1_000, 3_600_000),
});
