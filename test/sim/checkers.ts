import type { Piece } from '@millrace/model';
import { TOPIC_EVENTS } from '@millrace/stream';
import { oracleRun, TEST_TENANT, type OracleRun } from '@millrace/transformer/testing';
import { decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { checkCheckpoints } from './check-checkpoints.ts';
import { checkEntries, pieceKey, readEvents } from './check-entries.ts';
import { checkLedger, storedUnverified, type StoredUnverified } from './check-ledger.ts';
import { checkPast, isOfJob } from './check-past.ts';
import { checkServed } from './check-served.ts';
import { checkRows } from './check-rows.ts';
import { readLog, type LogOracle } from './log-oracle.ts';
import { exemplarsOf, samplesOf } from './record-samples.ts';
import type { RecordedLog } from './recorded-log.ts';
import { foundKey } from './sample-key.ts';
import { exemplarKey, metadataKey } from './sim-besides.ts';
import { JOB_EDITION, SimJob } from './sim-job.ts';
import { RESTORED, type SimWorld } from './sim-world.ts';
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
  'histograms',
  'untimed',
  'exemplars',
  'metadata',
  'windows',
  'changes',
  'jobs',
  'served',
  'past',
  'checkpoints',
  // Of them: those made again from one, and those of which the log had forgotten the beginning.
  'restored',
  'restoredFromCut',
  'restoredStores',
  // Of no use when they were needed; not made for want of room; damaged; never completed.
  'passedOver',
  'putOff',
  'damaged',
  'brokenOff',
  // Partitions whose log forgot events; states put back because results were lost.
  'forgotten',
  'putBack',
] as const;
export type SimCount = (typeof SIM_COUNTS)[number];

/** Purity, conservation, exactly-once storage, finality, and the windows against the oracle. */
export function checkRun(world: SimWorld): SimVerdict {
  const problems = [...world.failures.map((error) => `failure: ${String(error)}`)];
  problems.push(...world.problems);
  const seen = Object.fromEntries(SIM_COUNTS.map((name) => [name, 0])) as SimVerdict['seen'];
  const parts = world.partitions.map((partition) => readPartition(world, partition, problems));
  for (const { oracle, run, stored } of parts) count(seen, oracle, run, stored);
  problems.push(...checkOwed(world, parts), ...checkRows(parts, world.store));
  problems.push(...checkFinals(world), ...checkJobs(world));
  seen.jobs += world.jobs.length;
  seen.histograms += world.store.histograms.length;
  seen.exemplars += world.store.exemplars.length;
  seen.metadata += world.store.metadata.size;
  countCheckpoints(world, seen);
  // Where a partition was stopped by a poisoned record, what it would have shown later is missing.
  const whole = parts.filter(({ isWhole }) => isWhole);
  problems.push(...checkWindows(whole, world, seen));
  if (whole.length < parts.length) return { problems, seen };
  const samples = parts.map(({ oracle }) => oracle.records.flatMap((one) => one.samples ?? []));
  const served = checkServed(
    world.store,
    parts.map(({ run }) => run),
    samples,
  );
  problems.push(...served.problems);
  seen.served += served.checked;
  const past = checkPast(
    world.store,
    parts.map(({ run }) => run),
    samples,
  );
  problems.push(...past.problems);
  seen.past += past.checked;
  return { problems, seen };
}

export interface CheckedPartition {
  partition: number;
  isWhole: boolean;
  oracle: LogOracle;
  run: OracleRun;
  unverified: StoredUnverified;
  /** Samples in the log, also behind a record that nobody can fold. */
  found: ReadonlySet<string>;
  stored: number;
}

function readPartition(world: SimWorld, partition: number, problems: string[]): CheckedPartition {
  const { log, store, poisonedAt } = world;
  const end = poisonedAt.get(partition);
  const isWhole = end === undefined;
  const records = readEvents(log, partition, end);
  const entries = checkEntries(log, partition, records, problems);
  problems.push(...checkCheckpoints(partition, world.checkpoints, { records, entries }));
  const oracle = readLog(records, entries, world.origin);
  const run = oracleRun(oracle.records);
  const unverified = storedUnverified(entries);
  const totals = store.ledger(partition).find(({ tenant }) => tenant === TEST_TENANT);
  const ledger = isWhole ? checkLedger({ oracle, run, unverified, totals }) : [];
  const wrong = [...oracle.problems, ...ledger];
  problems.push(...wrong.map((problem) => `partition ${partition}: ${problem}`));
  const found = new Set(oracle.found);
  if (end !== undefined) for (const key of keysBehind(log, partition, end, oracle)) found.add(key);
  const stored = totals?.stored ?? 0;
  return { partition, isWhole, oracle, run, unverified, found, stored };
}

/** Samples behind a record that nobody can read. */
function keysBehind(
  log: RecordedLog,
  partition: number,
  offset: number,
  { labels }: LogOracle,
): string[] {
  const records = log.records(TOPIC_EVENTS, partition, offset + 1);
  return records.flatMap(({ payload }) => {
    const record = decodeEventsRecord(payload);
    if (record.kind !== EventsRecordKind.data) return [];
    return [
      ...[...samplesOf(record, labels)].map(([, sample]) => foundKey(sample)),
      ...exemplarsOf(record, labels).map(exemplarKey),
      ...record.metadata.map(metadataKey),
    ];
  });
}

function countCheckpoints(world: SimWorld, seen: SimVerdict['seen']): void {
  const { lines, log, checkpoints, partitions, person } = world;
  seen.checkpoints += lines.of('Checkpoint made.');
  seen.restored += lines.of(RESTORED);
  seen.restoredFromCut += world.restoredFromCut;
  seen.restoredStores += world.restoredStores;
  seen.passedOver += lines.of('A checkpoint is of no use; an older one is looked for.');
  seen.putOff += lines.of(
    'No checkpoint was made: the store is too far behind for older ones to be released.',
  );
  seen.damaged += log.damagedCount;
  seen.putBack += person.restores;
  for (const partition of partitions) {
    if (log.bounds(TOPIC_EVENTS, partition).start > 0) seen.forgotten += 1;
    seen.brokenOff += checkpoints.brokenOff(partition);
  }
}

function count(
  seen: SimVerdict['seen'],
  { totals, records, untimed }: LogOracle,
  run: OracleRun,
  stored: number,
): void {
  seen.untimed += untimed;
  for (const name of ['accepted', 'duplicate', 'conflict', 'unverified'] as const) {
    seen[name] += totals[name];
  }
  seen.stored += stored;
  seen.changes += run.ended.length;
  const samples = records.flatMap((record) => record.samples ?? []);
  seen.gapped += samples.filter(({ inGap }) => inGap === true).length;
}

/** What was acknowledged is in the log, and nothing else than what was sent. */
function checkOwed({ owed, sent }: SimWorld, parts: readonly CheckedPartition[]): string[] {
  const found = new Set(parts.flatMap((part) => [...part.found]));
  const keys = new Set(sent);
  const missing = owed.filter((key) => !found.has(key));
  const extra = [...found].filter((key) => !keys.has(key));
  const problems: string[] = [];
  if (missing.length > 0) {
    problems.push(`${missing.length} acknowledged samples are lost: ${missing[0]}`);
  }
  if (extra.length > 0) problems.push(`${extra.length} samples were never sent: ${extra[0]}`);
  return problems;
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
  parts: readonly CheckedPartition[],
  { store }: SimWorld,
  seen: SimVerdict['seen'],
): string[] {
  const problems: string[] = [];
  const runs: OracleRun[] = [];
  for (const { partition, run } of parts) runs[partition] = run;
  const partitions = new Set(parts.map(({ partition }) => partition));
  const pieces = [...store.finals, ...store.open.values()].filter(
    (piece) =>
      piece.edition !== JOB_EDITION && partitions.has(piece.partition) && !isOfJob(piece, runs),
  );
  const found = mergePieces(pieces);
  const expected = naiveColumns(parts.map(({ run }) => run));
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
