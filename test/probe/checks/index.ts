import type { Check } from '../arena.ts';
import { faultChecks } from './faults.ts';
import { fieldChecks } from './fields.ts';
import { framingChecks } from './framing.ts';
import { targetChecks } from './targets.ts';

/** Everything an intermediary is asked. */
export const checks: readonly Check[] = [...fieldChecks, ...framingChecks, ...targetChecks, ...faultChecks];
