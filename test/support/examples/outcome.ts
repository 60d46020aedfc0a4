import type { Example } from '../../../.build/gateway-examples.ts';
import type { Behaviours } from './backends.ts';

/**
 * What an example says will come of a command: the lines of YAML below its `# try:`, which hold for every request of the command. A value `null` says
 * that there is no such field.
 */
export interface Outcome {
  /** What the backends do while the command runs; else they answer 200. */
  readonly given?: Behaviours;
  /** Of the answer. */
  readonly status?: number;
  /** The route that the log names. */
  readonly route?: string;
  /** The backend that answered. */
  readonly from?: string;
  /** Method and target as that backend sees them. */
  readonly 'backend sees'?: string;
  /** Some of the fields as that backend sees them. */
  readonly 'backend gets'?: Readonly<Record<string, string | null>>;
  /** Another backend that is asked as well. */
  readonly 'asks too'?: string;
  /** Some of the answer's fields. */
  readonly fields?: Readonly<Record<string, string | null>>;
  /** Something that the command prints. */
  readonly prints?: string;
  /** Members of one line of the log. */
  readonly logs?: Readonly<Record<string, string | number>>;
}

const members: readonly (keyof Outcome)[] = [
  ...(['given', 'status', 'route', 'from', 'backend sees', 'backend gets', 'asks too', 'fields', 'prints', 'logs'] as const),
];

/**
 * What comes of a command by its example's own word.
 *
 * @throws {TypeError} it says nothing, or something that is not known here
 */
export function readOutcome({ command, outcome }: Example['tries'][number]): Outcome {
  if (typeof outcome !== 'object' || outcome === null) throw new TypeError(`try: ${command}: nothing says what comes of it`);
  for (const member of Object.keys(outcome)) {
    if (!(members as readonly string[]).includes(member))
      throw new TypeError(`try: ${command}: "${member}" is none of ${members.join(', ')}`);
  }
  return outcome;
}
