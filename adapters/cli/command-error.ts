/**
 * A command cannot do what was asked. The message goes to standard error as it is: it says what to do next.
 *
 * Exit codes: 1 the service refused or failed, 2 wrong usage or configuration.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
