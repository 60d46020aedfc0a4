export { CertificateError } from './server/certificate-files.ts';
export { startForwardGateway } from './gateway/forward-gateway.ts';
export { EnvSecrets } from './secrets/env-secrets.ts';
export { FileSecrets } from './secrets/file-secrets.ts';
export { startHttpServer } from './server/http-server.ts';
export { localModule } from './module.ts';
export { openSqlite } from './sqlite/sqlite.ts';
export { devConfiguration, startLocal } from './start-local.ts';
