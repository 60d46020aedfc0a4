export { functionsHttp } from './functions-http.ts';
export { KeyVault } from './key-vault.ts';
export { azureModule } from './module.ts';
export { recordsTable } from './records-table.ts';
export { registerHttp } from './register-http.ts';
export { registerSweeper } from './register-sweeper.ts';
export { Sweeper } from './sweeper.ts';
export { TableStore } from './table-store.ts';
