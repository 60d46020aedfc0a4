import { normalSegment } from './path-pattern.ts';
import type { PathPattern } from './path-pattern.ts';

/** What a pattern leads to. */
export interface Ranked {
  /** Its place in the order of precedence, least first. */
  readonly rank: number;
}

/** Path patterns by segment. Finding those that fit a path takes time linear in the path and in the number of patterns that fit its beginning. */
export class PathTrie<Entry extends Ranked> {
  readonly #root: Node<Entry> = {};

  /** Entries must come in order of rank. */
  add(pattern: PathPattern, entry: Entry): void {
    let node = this.#root;
    for (const segment of pattern.segments) {
      if ('parameter' in segment) {
        node = node.parameter ??= {};
      } else {
        const literals = (node.literals ??= new Map<string, Node<Entry>>());
        const known = literals.get(segment.literal);
        if (known === undefined) {
          const made: Node<Entry> = {};
          literals.set(segment.literal, made);
          node = made;
        } else {
          node = known;
        }
      }
    }
    (pattern.tail ? (node.below ??= []) : (node.here ??= [])).push(entry);
  }

  /** Adds to `found` the entries of every pattern that fits, a list in order of rank for each place in the trie. */
  collect(path: string, found: (readonly Entry[])[]): void {
    collectFrom(this.#root, path, 0, path.includes('%'), found);
  }
}

interface Node<Entry> {
  literals?: Map<string, Node<Entry>>;
  parameter?: Node<Entry>;
  /** Of patterns that end here. */
  here?: Entry[];
  /** Of patterns that end here in `*`. */
  below?: Entry[];
}

/** @param at where the next segment's `/` is, or the path's end */
function collectFrom<Entry>(node: Node<Entry>, path: string, at: number, encoded: boolean, found: (readonly Entry[])[]): void {
  if (node.below !== undefined) found.push(node.below);
  if (at === path.length) {
    if (node.here !== undefined) found.push(node.here);
    return;
  }
  const { literals, parameter } = node;
  if (literals === undefined && parameter === undefined) return;
  const slash = path.indexOf('/', at + 1);
  const end = slash === -1 ? path.length : slash;
  if (literals !== undefined) {
    const sent = path.slice(at + 1, end);
    const next = literals.get(encoded ? normalSegment(sent) : sent);
    if (next !== undefined) collectFrom(next, path, end, encoded, found);
  }
  if (parameter !== undefined && end > at + 1) collectFrom(parameter, path, end, encoded, found);
}
