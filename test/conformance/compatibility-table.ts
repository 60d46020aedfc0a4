/** What one run of a suite on a platform came to. */
export interface ConformanceRun {
  readonly passed: number;
  readonly failed: number;
  /** Why cases were left out, by title. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** Runs by platform and port. */
export type Compatibility = Readonly<Record<string, Readonly<Record<string, ConformanceRun>>>>;

export const beginMarker = '<!-- compatibility:begin -->';
export const endMarker = '<!-- compatibility:end -->';

/** In this order; a port that is not here comes after them. */
const ports: readonly string[] = ['key-value store', 'retry safety', 'counters', 'secrets', 'http codec'];

/** Newer runs take the place of older ones of the same platform and port. */
export function mergeRuns(older: Compatibility, newer: Compatibility): Compatibility {
  const platforms = [...new Set([...Object.keys(older), ...Object.keys(newer)])].toSorted();
  return Object.fromEntries(platforms.map((platform) => [platform, { ...older[platform], ...newer[platform] }]));
}

/** A Markdown table, platform by port, and below it what was skipped and why. */
export function renderTable(compatibility: Compatibility): string {
  const columns = columnsOf(compatibility);
  const platforms = Object.entries(compatibility).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = platforms.map(([platform, runs]) => row([platform, ...columns.map((port) => cell(runs[port]))]));
  const skips = platforms.flatMap(([platform, runs]) => columns.flatMap((port) => skipsOf(platform, port, runs[port])));
  const table = [row(['platform', ...columns]), row(['---', ...columns.map(() => '--:')]), ...rows];
  return [...table, ...(skips.length === 0 ? [] : ['', 'Left out:', '', ...skips]), ''].join('\n');
}

/**
 * Puts the table between the markers.
 *
 * @throws {Error} the text has no markers
 */
export function insertTable(text: string, compatibility: Compatibility): string {
  const begin = text.indexOf(beginMarker);
  const end = text.indexOf(endMarker);
  if (begin < 0 || end < begin) throw new Error(`There is no ${beginMarker} before ${endMarker}`);
  return `${text.slice(0, begin + beginMarker.length)}\n\n${renderTable(compatibility)}\n${text.slice(end)}`;
}

/**
 * What a run and the table between the markers disagree on; nothing when each row of the run is in the table. A platform in the table
 * that was not run is fine: not every machine has every emulator.
 */
export function differences(text: string, compatibility: Compatibility): readonly string[] {
  const begin = text.indexOf(beginMarker);
  const lines = new Set(text.slice(begin, text.indexOf(endMarker, begin)).split('\n'));
  return renderTable(compatibility)
    .split('\n')
    .filter((line) => line !== '' && !lines.has(line));
}

function columnsOf(compatibility: Compatibility): string[] {
  const present = new Set(Object.values(compatibility).flatMap((runs) => Object.keys(runs)));
  const others = [...present].filter((port) => !ports.includes(port)).toSorted();
  return [...ports.filter((port) => present.has(port)), ...others];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

function cell(run: ConformanceRun | undefined): string {
  if (run === undefined) return '';
  const { passed, failed, skipped } = run;
  const all = passed + failed + Object.keys(skipped).length;
  if (failed > 0) return `**${failed} of ${all} fail**`;
  return passed === all ? `${all}` : `${passed} of ${all}`;
}

function skipsOf(platform: string, port: string, run: ConformanceRun | undefined): string[] {
  const byReason = Map.groupBy(Object.entries(run?.skipped ?? {}), ([, reason]) => reason);
  return [...byReason].map(
    ([reason, skips]) => `- ${platform}, ${port}: ${skips.map(([title]) => `“${title}”`).join(', ')}: ${reason}.`,
  );
}
