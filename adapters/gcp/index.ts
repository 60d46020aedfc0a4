export { cloudFunction } from './cloud-function.ts';
export { FirestoreStore } from './firestore-store.ts';
export { functionsHttp } from './functions-http.ts';
export { gcpModule } from './module.ts';
export { receiveAsSent } from './receive-as-sent.ts';
export { SecretManager } from './secret-manager.ts';
export { loadDeployment } from '../node/load-deployment.ts';
export type { Deployment } from '../node/load-deployment.ts';
