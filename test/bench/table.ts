import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One measured figure beside its target. */
export interface Row {
  readonly what: string;
  /** What it is a multiple of; empty for an absolute figure. */
  readonly against: string;
  readonly measured: number;
  readonly unit: 'x' | 'KB';
  /** Absent: only told, nothing promised. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
  /** What the reader must know beside the number. */
  readonly note?: string | undefined;
  /** What would get there; shown when the target is missed. */
  readonly fallsShort?: string | undefined;
}

export function meets({ measured, target }: Row): boolean {
  if (target === undefined) return true;
  return 'atMost' in target ? measured <= target.atMost : measured >= target.atLeast;
}

export function markdown(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { what, against, unit, target, note, fallsShort } = row;
    const met = meets(row);
    const verdict = target === undefined ? '' : met ? 'met' : '**falls short**';
    const remarks = [note, met ? undefined : fallsShort].filter((text) => text !== undefined && text !== '').join('. ');
    return `| ${what} | ${against} | ${figure(row.measured, unit)} | ${bound(target, unit)} | ${verdict} | ${remarks} |`;
  });
  return ['| what | against | measured | target | | remarks |', '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

function bound(target: Row['target'], unit: Row['unit']): string {
  if (target === undefined) return '';
  return 'atMost' in target ? `≤ ${figure(target.atMost, unit)}` : `≥ ${figure(target.atLeast, unit)}`;
}

function figure(value: number, unit: Row['unit']): string {
  const digits = Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0);
  return unit === 'x' ? `${digits}x` : `${digits} KB`;
}

const begin = '<!-- bench:begin -->';
const end = '<!-- bench:end -->';

/** Puts the table between the marks in a file; answers what happened, for people. */
export function writeBetweenMarks(file: string, table: string): string {
  if (!existsSync(file)) return `There is no ${file}, so the table was not written.`;
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) return `${file} has no ${begin} and ${end}, so the table was not written.`;
  writeFileSync(file, `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`);
  return `The table was written into ${file}.`;
}
