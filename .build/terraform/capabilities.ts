import { markdownTable } from '../generated-section.ts';
import { clouds } from './cloud.ts';
import type { Cloud } from './cloud.ts';
import type { State } from './terraform-test.ts';

/** What each front door of each cloud can do: `capabilities` of the modules' outputs, by `edge.kind`. */
export type Capabilities = Readonly<Partial<Record<Cloud, Readonly<Record<string, Readonly<Record<string, boolean>>>>>>>;

/** A row a capability; a cell says with which `edge.kind` a cloud has it. */
export function capabilityTable(capabilities: Capabilities): string {
  const names = new Set(clouds.flatMap((cloud) => Object.values(capabilities[cloud] ?? {}).flatMap((one) => Object.keys(one))));
  const cell = (cloud: Cloud, name: string): string => {
    const kinds = Object.entries(capabilities[cloud] ?? {});
    const able = kinds.filter(([, one]) => one[name] === true).map(([kind]) => `\`${kind}\``);
    return able.length === 0 ? 'no' : able.length === kinds.length ? 'yes' : able.toSorted().join(', ');
  };
  return markdownTable([
    ['`capabilities`', 'AWS', 'Azure', 'Google Cloud'],
    ...[...names].toSorted().map((name) => [`\`${name}\``, ...clouds.map((cloud) => cell(cloud, name))]),
  ]);
}

/** What a module's plans answered, of those that are called after an `edge.kind`. */
export function readCapabilities(states: ReadonlyMap<string, State>): Readonly<Record<string, Readonly<Record<string, boolean>>>> {
  return Object.fromEntries(
    ['function', 'managed', 'gateway', 'balancer'].flatMap((kind) => {
      const answered = states.get(kind)?.outputs['capabilities'];
      return answered === undefined ? [] : [[kind, answered as Readonly<Record<string, boolean>>] as const];
    }),
  );
}
