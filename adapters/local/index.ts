export { CertificateError } from './certificate-files.ts';
export { startForwardGateway } from './gateway/forward-gateway.ts';
export { EnvSecrets } from './env-secrets.ts';
export { FileSecrets } from './file-secrets.ts';
export { startHttpServer } from './http-server.ts';
export { localModule } from './module.ts';
export { openSqlite } from './sqlite.ts';
export { devConfiguration, startLocal } from './start-local.ts';
