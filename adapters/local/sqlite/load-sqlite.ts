type SqliteModule = typeof import('node:sqlite');

/**
 * Loads `node:sqlite` without the notice that it is experimental, which Node 22 prints once on loading; the notice would stand between
 * what a newcomer is told to copy. Every other warning passes.
 */
export function loadSqlite(
  load: () => SqliteModule = () => process.getBuiltinModule('node:sqlite'),
  warnings: Pick<NodeJS.Process, 'emitWarning'> = process,
): SqliteModule {
  const { emitWarning } = warnings;
  warnings.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) Reflect.apply(emitWarning, warnings, [warning, ...rest]);
  };
  try {
    return load();
  } finally {
    warnings.emitWarning = emitWarning;
  }
}
