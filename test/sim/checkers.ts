import {
  fingerprintHex,
  fingerprintOf,
  formatAddress,
  partitionOf,
  unaccounted,
  type LedgerTotals,
  type Piece,
} from '@millrace/model';
import type { MemorySample } from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import {
  entryTexts,
  labelSetOf,
  oracleRun,
  runFold,
  TEST_TENANT,
  windowKey,
  type OracleRun,
  type TestSample,
} from '@millrace/transformer/testing';
import { decodeEventsRecord, EntryType, listEntries, type LedgerEntry } from '@millrace/wire';
import { freshRecords, sampleKey } from './fresh-samples.ts';
import { SIM_PARTITIONS, type SimWorld } from './sim-world.ts';

/** What the checkers found wrong; empty: all held. */
export interface SimVerdict {
  problems: string[];
  stored: number;
  windows: number;
  /** Editions that rules which changed ended, in all partitions. */
  changes: number;
}

/** Purity, conservation, exactly-once storage, watermarks, and the windows against the oracle. */
export function checkRun(world: SimWorld): SimVerdict {
  const problems: string[] = world.failures.map((error) => `failure: ${String(error)}`);
  const { store } = world;
  const runs: OracleRun[] = [];
  const fresh: TestSample[] = [];
  let stored = 0;
  for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
    problems.push(...checkEntries(world, partition));
    const totals = store.ledger(partition).find(({ tenant }) => tenant === TEST_TENANT);
    problems.push(...checkTotals(world.owed, totals, partition));
    stored += totals?.stored ?? 0;
    const records = freshRecords(world.log, partition);
    fresh.push(...records.flatMap(({ samples }) => samples ?? []));
    runs.push(oracleRun(records));
  }
  problems.push(...checkOwed(world.owed, fresh), ...checkSamples(runs, store.samples));
  const pieces = [...store.finals, ...store.open.values()];
  const windows = checkWindows(runs, pieces, problems);
  const changes = runs.reduce((sum, { ended }) => sum + ended.length, 0);
  return { problems, stored, windows, changes };
}

/** Whoever put it out, and however often: what one fold of the whole log puts out there. */
function checkEntries(world: SimWorld, partition: number): string[] {
  const problems: string[] = [];
  const expected = new Map<string, string>();
  const { entries } = runFold(
    world.log
      .partition(TOPIC_EVENTS, partition)
      .read(0, Infinity)
      .map(({ payload, appendTimeUs }) => ({ record: decodeEventsRecord(payload), appendTimeUs })),
  );
  for (const [i, text] of entryTexts(entries).entries()) {
    expected.set(formatAddress(entries[i]!.address), text);
  }
  const found = new Set<string>();
  for (const { payload } of world.log.partition(TOPIC_SERIES, partition).read(0, Infinity)) {
    const published = listEntries(payload);
    for (const [i, text] of entryTexts(published).entries()) {
      const address = formatAddress(published[i]!.address);
      found.add(address);
      if (expected.get(address) !== text) {
        problems.push(`partition ${partition}: another entry at ${address} than the log has`);
      }
    }
  }
  // What was not committed when the run ended may be missing at the end, nothing before.
  const missing = [...expected.keys()].findIndex((address) => !found.has(address));
  if (missing >= 0 && missing < found.size) {
    problems.push(`partition ${partition}: the entry number ${missing} was left out`);
  }
  const watermarks = entries
    .filter(({ type }) => type === EntryType.ledger)
    .map(({ value }) => (value as LedgerEntry).watermarkUs);
  if (watermarks.some((watermarkUs, i) => i > 0 && watermarkUs < watermarks[i - 1]!)) {
    problems.push(`partition ${partition}: the watermark went back`);
  }
  return problems;
}

function inPartition(samples: readonly TestSample[], partition: number): TestSample[] {
  return samples.filter((sample) => {
    const fingerprint = fingerprintOf(TEST_TENANT, labelSetOf(sample.labels));
    return partitionOf(fingerprint, 0, SIM_PARTITIONS) === partition;
  });
}

/** What was acknowledged is in the log, and nothing else is. */
function checkOwed(owed: readonly TestSample[], fresh: readonly TestSample[]): string[] {
  const expected = owed.map(sampleKey).sort();
  const found = fresh.map(sampleKey).sort();
  if (JSON.stringify(expected) === JSON.stringify(found)) return [];
  return [`${expected.length} samples owed, and ${found.length} others are in the log`];
}

/** Every raw sample that the rules in force kept is there exactly once, and nothing else. */
function checkSamples(runs: readonly OracleRun[], rows: readonly MemorySample[]): string[] {
  const expected = runs
    .flatMap(({ raw }) => raw)
    .map(([series, timeUs, value]) => `${series.slice(0, 16)}/${timeUs}/${value}/false`)
    .sort();
  const found = rows
    .map(({ seriesId, timeUs, value, unverified }) => [seriesId, timeUs, value, unverified])
    .map((row) => row.join('/'))
    .sort();
  if (JSON.stringify(expected) === JSON.stringify(found)) return [];
  const missing = expected.filter((row) => !found.includes(row)).length;
  const extra = found.length - expected.length + missing;
  return [`${missing} raw samples missing, ${extra} too many`];
}

function checkTotals(
  owed: readonly TestSample[],
  totals: LedgerTotals | undefined,
  partition: number,
): string[] {
  const expected = inPartition(owed, partition).length;
  if (totals === undefined) {
    return expected === 0 ? [] : [`partition ${partition}: no ledger`];
  }
  const { stored, conflict, unverified, lost } = totals;
  const problems: string[] = [];
  if (unaccounted(totals) !== 0)
    problems.push(`partition ${partition}: the ledger does not add up`);
  if (lost !== 0) problems.push(`partition ${partition}: ${lost} are called lost`);
  if (stored !== expected || conflict + unverified > 0) {
    problems.push(
      `partition ${partition}: ${expected} owed, ledger says ${JSON.stringify(totals)}`,
    );
  }
  return problems;
}

interface WindowSums {
  count: number;
  sum: number;
  increase: number | undefined;
}

/** Windows of every edition that there ever was, put together from what all partitions have. */
function checkWindows(
  runs: readonly OracleRun[],
  pieces: readonly Piece[],
  problems: string[],
): number {
  const found = new Map<string, WindowSums>();
  const expected = new Map<string, WindowSums>();
  const add = (to: typeof found, key: string, { count, sum, increase }: WindowSums): void => {
    const known = to.get(key);
    to.set(key, {
      count: count + (known?.count ?? 0),
      sum: sum + (known?.sum ?? 0),
      increase: increase === undefined ? undefined : increase + (known?.increase ?? 0),
    });
  };
  for (const { edition, fingerprint, widthUs, startUs, count, sum = 0, increase } of pieces) {
    const key = windowKey(edition, fingerprintHex(fingerprint), widthUs, startUs);
    add(found, key, { count, sum, increase });
  }
  for (const { windows, editions } of runs) {
    for (const [key, { values, increase, edition }] of windows) {
      const { columns } = editions.get(edition)!.rule;
      const sum = values.reduce((total, { value }) => total + value, 0);
      add(expected, key, {
        count: values.length,
        sum: columns.includes('sum') ? sum : 0,
        increase: columns.includes('increase') ? increase : undefined,
      });
    }
  }
  for (const [key, sums] of expected) {
    const [have, want] = [JSON.stringify(found.get(key)), JSON.stringify(sums)];
    if (have !== want) problems.push(`window ${key}: ${have}, expected ${want}`);
  }
  for (const key of found.keys()) {
    if (!expected.has(key)) problems.push(`window ${key}: not expected`);
  }
  return expected.size;
}
