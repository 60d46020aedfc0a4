import type { MirrorTotals } from './mirror-report.ts';
import type { RollBack } from './roll-backs.ts';

/** How the move of one route's traffic goes. */
export interface MigrationReport extends MirrorTotals {
  /** That the gate of its split sends everything to the old side; `undefined` when it does not. */
  readonly rolledBack: RollBack | undefined;
}
