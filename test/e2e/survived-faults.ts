import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../services/repository.ts';

/** What happened, and what exactly was done for it to happen. */
export interface FaultKind {
  readonly fault: string;
  readonly how: string;
}

/** What was found in the store by unique id, after a round. */
export interface OnceCounts {
  readonly samples: number;
  readonly missing: number;
  readonly twice: number;
}

/** All rounds of one fault that ever ran on this code's line, as the README shows them. */
export interface SurvivedFault extends FaultKind, OnceCounts {
  readonly rounds: number;
  /** Of the last one. */
  readonly date: string;
}

export const SURVIVED_PATH = 'test/e2e/faults-survived.json';
const README_MARKS = {
  begin: '<!-- faults survived: begin -->',
  end: '<!-- faults survived: end -->',
};

/** Adds a round with one or more faults, each of which it counts for, to the file in the tree. */
export function recordRound(
  kinds: readonly FaultKind[],
  counts: OnceCounts,
  date: Date,
  root: string = repositoryRoot,
): void {
  const path = join(root, SURVIVED_PATH);
  const rows = readSurvived(root);
  for (const kind of kinds) addRound(rows, kind, counts, date);
  rows.sort((a, b) => compare(a.fault, b.fault) || compare(a.how, b.how));
  // Several runs may be at work, and none of them may leave half a file.
  writeFileSync(`${path}.next`, `${JSON.stringify(rows, undefined, 2)}\n`);
  renameSync(`${path}.next`, path);
}

export function readSurvived(root: string = repositoryRoot): SurvivedFault[] {
  return JSON.parse(readFileSync(join(root, SURVIVED_PATH), 'utf8')) as SurvivedFault[];
}

/** The README with the table of all rows between its marks. */
export function withSurvived(readme: string, rows: readonly SurvivedFault[]): string {
  const [before, rest = ''] = readme.split(README_MARKS.begin);
  const [, after] = rest.split(README_MARKS.end);
  if (after === undefined) throw new Error(`no ${README_MARKS.begin} … ${README_MARKS.end}`);
  return `${before}${README_MARKS.begin}\n\n${tableOf(rows)}\n${README_MARKS.end}${after}`;
}

function addRound(
  rows: SurvivedFault[],
  { fault, how }: FaultKind,
  { samples, missing, twice }: OnceCounts,
  date: Date,
): void {
  const index = rows.findIndex((row) => row.fault === fault && row.how === how);
  const before = rows[index] ?? { rounds: 0, samples: 0, missing: 0, twice: 0 };
  const row: SurvivedFault = {
    ...{ fault, how },
    rounds: before.rounds + 1,
    samples: before.samples + samples,
    missing: before.missing + missing,
    twice: before.twice + twice,
    date: date.toISOString().slice(0, 10),
  };
  if (index === -1) rows.push(row);
  else rows[index] = row;
}

/** As the formatter would have it: columns of one width. */
function tableOf(rows: readonly SurvivedFault[]): string {
  const cells = [
    ['fault', 'how', 'rounds', 'samples checked', 'missing', 'twice', 'last'],
    ...rows.map(({ fault, how, rounds, samples, missing, twice, date }) => [
      ...[fault, how],
      ...[rounds, samples, missing, twice].map((count) => count.toLocaleString('en-US')),
      date,
    ]),
  ];
  const isNumber = [false, false, true, true, true, true, false];
  const widths = isNumber.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, i) =>
      isNumber[i] === true ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
    );
    return `| ${padded.join(' | ')} |\n`;
  };
  const rule = widths.map((width, i) =>
    isNumber[i] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  const [head, ...body] = cells;
  return [line(head!), line(rule), ...body.map(line)].join('');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
