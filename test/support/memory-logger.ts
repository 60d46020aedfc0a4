import type { LogAttributes, Logger, Severity } from '../../core/ports/index.ts';

/** Keeps what is logged. */
export class MemoryLogger implements Logger {
  readonly lines: { readonly severity: Severity; readonly event: string; readonly attributes: LogAttributes }[] = [];

  log(severity: Severity, event: string, attributes: LogAttributes = {}): void {
    this.lines.push({ severity, event, attributes });
  }

  get events(): readonly string[] {
    return this.lines.map(({ event }) => event);
  }
}
