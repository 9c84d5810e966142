import type { Piece } from '@millrace/model';
import {
  oracleRun,
  TEST_TENANT,
  type OracleRun,
  type OracleSample,
} from '@millrace/transformer/testing';
import { checkEntries, pieceKey, readEvents } from './check-entries.ts';
import { checkServed } from './check-served.ts';
import { checkLedger, rowText, storedUnverified } from './check-ledger.ts';
import { foundKey, readLog } from './log-oracle.ts';
import { JOB_EDITION, SimJob } from './sim-job.ts';
import { SIM_PARTITIONS } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';
import { mergePieces, naiveColumns } from './window-columns.ts';

/** What the checkers found wrong; empty: all held. */
export interface SimVerdict {
  problems: string[];
  /** How often what the checkers look for has happened: a run in which nothing does proves nothing. */
  seen: Record<SimCount, number>;
}

export const SIM_COUNTS = [
  'accepted',
  'stored',
  'duplicate',
  'conflict',
  'unverified',
  'gapped',
  'marked',
  'windows',
  'changes',
  'jobs',
  'served',
] as const;
export type SimCount = (typeof SIM_COUNTS)[number];

/** Purity, conservation, exactly-once storage, finality, and the windows against the oracle. */
export function checkRun(world: SimWorld): SimVerdict {
  const problems = [...world.failures.map((error) => `failure: ${String(error)}`)];
  problems.push(...world.problems);
  const { store, log } = world;
  const seen = Object.fromEntries(SIM_COUNTS.map((name) => [name, 0])) as SimVerdict['seen'];
  const runs: OracleRun[] = [];
  const rows: string[] = [];
  const samples: OracleSample[][] = [];
  const found = new Set<string>();
  for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
    const entries = checkEntries(log, partition, problems);
    const oracle = readLog(readEvents(log, partition), entries, world.mayBeUntold);
    const run = oracleRun(oracle.records);
    const unverified = storedUnverified(entries);
    const totals = store.ledger(partition).find(({ tenant }) => tenant === TEST_TENANT);
    const wrong = [...oracle.problems, ...checkLedger({ oracle, run, unverified, totals })];
    problems.push(...wrong.map((problem) => `partition ${partition}: ${problem}`));
    for (const key of oracle.found) found.add(key);
    rows.push(...unverified.rows, ...rawRows(run));
    runs.push(run);
    samples.push(oracle.records.flatMap((one) => one.samples ?? []));
    for (const name of ['accepted', 'duplicate', 'conflict', 'unverified'] as const) {
      seen[name] += oracle.totals[name];
    }
    seen.stored += totals?.stored ?? 0;
    seen.changes += run.ended.length;
    seen.gapped += oracle.records
      .flatMap(({ samples }) => samples ?? [])
      .filter(({ inGap }) => inGap === true).length;
  }
  problems.push(...checkOwed(world, found), ...checkRows(rows, world), ...checkFinals(world));
  problems.push(...checkJobs(world));
  const served = checkServed(store, runs, samples);
  problems.push(...served.problems);
  seen.served += served.checked;
  seen.jobs += world.jobs.length;
  problems.push(...checkWindows(runs, world, seen));
  return { problems, seen };
}

/** What was acknowledged is in the log, and nothing else than what was sent. */
function checkOwed({ owed, sent }: SimWorld, found: ReadonlySet<string>): string[] {
  const keys = new Set(sent.map(foundKey));
  const missing = owed.filter((sample) => !found.has(foundKey(sample)));
  const extra = [...found].filter((key) => !keys.has(key));
  const problems: string[] = [];
  if (missing.length > 0) {
    problems.push(`${missing.length} acknowledged samples are lost: ${foundKey(missing[0]!)}`);
  }
  if (extra.length > 0) problems.push(`${extra.length} samples were never sent: ${extra[0]}`);
  return problems;
}

function rawRows({ raw }: OracleRun): string[] {
  return raw.map(([series, timeUs, value]) => {
    return rowText(series.slice(0, 16), timeUs, Number.isNaN(value) ? undefined : value, false);
  });
}

/** Every raw sample that the rules in force kept is there exactly once, and nothing else. */
function checkRows(rows: readonly string[], { store }: SimWorld): string[] {
  const expected = rows.toSorted();
  const found = store.samples
    .map(({ seriesId, timeUs, value, unverified }) => rowText(seriesId, timeUs, value, unverified))
    .sort();
  if (expected.length === found.length && expected.every((row, i) => row === found[i])) return [];
  const there = new Set(found);
  const missing = expected.filter((row) => !there.has(row)).length;
  const extra = found.length - expected.length + missing;
  return [`${missing} raw samples are missing, ${extra} are too many`];
}

/** A piece is final once, and not open beside that. */
function checkFinals({ store }: SimWorld): string[] {
  const keyOf = (piece: Piece & { partition: number }): string =>
    `${pieceKey(piece)}/${piece.partition}`;
  const finals = store.finals.map(keyOf);
  const known = new Set(finals);
  const problems: string[] = [];
  if (known.size < finals.length) problems.push('a piece is final twice');
  const open = [...store.open.values()].map(keyOf).filter((key) => known.has(key));
  if (open.length > 0) problems.push(`the piece ${open[0]} is final and open`);
  return problems;
}

/** Whatever a job put out is there once, beside what is live. */
function checkJobs({ store, jobs, partitions }: SimWorld): string[] {
  const expected = jobs.length === 0 ? [] : SimJob.starts;
  return partitions.flatMap((partition) => {
    const starts = store.finals
      .filter((piece) => piece.edition === JOB_EDITION && piece.partition === partition)
      .map(({ startUs }) => startUs);
    if (JSON.stringify(starts) === JSON.stringify(expected)) return [];
    return [`partition ${partition}: ${starts.length} of ${expected.length} windows of a job`];
  });
}

/** Windows of every edition that there ever was, put together from what all partitions have. */
function checkWindows(
  runs: readonly OracleRun[],
  { store }: SimWorld,
  seen: SimVerdict['seen'],
): string[] {
  const problems: string[] = [];
  const pieces = [...store.finals, ...store.open.values()];
  const found = mergePieces(pieces.filter(({ edition }) => edition !== JOB_EDITION));
  const expected = naiveColumns(runs);
  for (const [key, columns] of expected) {
    const [have, want] = [JSON.stringify(found.get(key)), JSON.stringify(columns)];
    if (have !== want) problems.push(`window ${key}: ${have}, expected ${want}`);
    if (columns['marked'] === true) seen.marked += 1;
  }
  for (const key of found.keys()) {
    if (!expected.has(key)) problems.push(`window ${key}: not expected`);
  }
  seen.windows += expected.size;
  return problems;
}
