import { awsRules } from './rules/aws.ts';
import { azureRules } from './rules/azure.ts';
import { gcpRules } from './rules/gcp.ts';
import type { Resource, Rule } from './rules/rule.ts';

export const rules: readonly Rule[] = [...awsRules, ...azureRules, ...gcpRules];

/** A rule that may be broken, and why. */
export interface Exception {
  /** The rule's `ids`. */
  readonly ids: string;
  readonly reason: string;
}

/** A resource that breaks a rule. */
export interface Violation {
  readonly address: string;
  readonly ids: string;
  readonly demand: string;
}

/**
 * Checks what an apply would make against the security rules of scanners: the rows that must hold by default.
 *
 * @param exceptions rules that may be broken here, each with its reason; one that nothing breaks is a violation itself, so that none outlives
 * its reason
 *
 * A value that mocks invented counts as not set, because nobody asked for it: what a rule demands must stand in the configuration.
 */
export function checkPlan(resources: readonly Resource[], exceptions: readonly Exception[] = []): Violation[] {
  const found = rules.flatMap(({ ids, types, demand, holds }) =>
    resources
      .filter(({ type, values }) => types.includes(type) && !holds(values, resources))
      .map(({ address }) => ({ address, ids, demand })),
  );
  return [
    ...found.filter(({ ids }) => !exceptions.some((exception) => exception.ids === ids)),
    ...exceptions
      .filter(({ ids }) => !found.some((violation) => violation.ids === ids))
      .map(({ ids, reason }) => ({ address: 'nothing', ids, demand: `the exception is not needed (${reason})` })),
  ];
}
