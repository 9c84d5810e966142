import {
  fingerprintHex,
  fingerprintOf,
  formatAddress,
  partitionOf,
  type LedgerTotals,
  type Piece,
} from '@millrace/model';
import { compileRules } from '@millrace/rules';
import type { MemorySample } from '@millrace/store/memory';
import { TOPIC_EVENTS, TOPIC_SERIES } from '@millrace/stream';
import {
  entryTexts,
  labelSetOf,
  naiveWindows,
  runFold,
  TEST_TENANT,
  windowKey,
  type TestSample,
} from '@millrace/transformer/testing';
import { decodeEventsRecord, EntryType, listEntries, type LedgerEntry } from '@millrace/wire';
import { SIM_RULES } from './sim-rules.ts';
import { SIM_PARTITIONS, type SimWorld } from './sim-world.ts';

/** What the checkers found wrong; empty: all held. */
export interface SimVerdict {
  problems: string[];
  stored: number;
  windows: number;
}

/** Purity, conservation, exactly-once storage, watermarks, and the windows against the oracle. */
export function checkRun(world: SimWorld): SimVerdict {
  const problems: string[] = world.failures.map((error) => `failure: ${String(error)}`);
  const { store } = world;
  let stored = 0;
  for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
    problems.push(...checkEntries(world, partition));
    const totals = store.ledger(partition).find(({ tenant }) => tenant === TEST_TENANT);
    problems.push(...checkTotals(world.owed, totals, partition));
    stored += totals?.stored ?? 0;
  }
  problems.push(...checkSamples(world.owed, store.samples));
  const windows = checkWindows(world.owed, [...store.finals, ...store.open.values()], problems);
  return { problems, stored, windows };
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

/** Every owed raw sample is there exactly once, and nothing else. */
function checkSamples(owed: readonly TestSample[], rows: readonly MemorySample[]): string[] {
  const expected = owed
    .filter((sample) => sample.labels['__name__'] !== 'click')
    .map(({ labels, timeUs, value }) => {
      const fingerprint = fingerprintOf(TEST_TENANT, labelSetOf(labels));
      return `${fingerprintHex(fingerprint).slice(0, 16)}/${timeUs}/${value}/false`;
    })
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
  const { accepted, stored, duplicate, conflict, dropped, unverified, deadLetter } = totals;
  const sum = stored + duplicate + conflict + dropped + unverified + deadLetter;
  const problems: string[] = [];
  if (sum !== accepted) problems.push(`partition ${partition}: the ledger does not add up`);
  if (stored !== expected || conflict + unverified > 0) {
    problems.push(
      `partition ${partition}: ${expected} owed, ledger says ${JSON.stringify(totals)}`,
    );
  }
  return problems;
}

function checkWindows(
  owed: readonly TestSample[],
  pieces: readonly Piece[],
  problems: string[],
): number {
  const found = new Map<string, { count: number; sum: number; increase: number }>();
  for (const piece of pieces) {
    const series = fingerprintHex(piece.fingerprint);
    const key = windowKey(piece.edition, series, piece.widthUs, piece.startUs);
    const window = found.get(key) ?? { count: 0, sum: 0, increase: 0 };
    window.count += piece.count;
    window.sum += piece.sum ?? 0;
    window.increase += piece.increase ?? 0;
    found.set(key, window);
  }
  const naive = naiveWindows(owed, compileRules(SIM_RULES));
  for (const [key, { values, increase, edition }] of naive) {
    const window = found.get(key);
    const sum = values.reduce((total, { value }) => total + value, 0);
    const same =
      window !== undefined &&
      window.count === values.length &&
      window.sum === sum &&
      (edition === CLICKS_EDITION || window.increase === increase);
    if (!same) {
      const expected = JSON.stringify({ count: values.length, sum, increase });
      problems.push(`window ${key}: ${JSON.stringify(window)}, expected ${expected}`);
    }
  }
  for (const key of found.keys()) if (!naive.has(key)) problems.push(`window ${key}: not expected`);
  return naive.size;
}

/** The rule for clicks does not ask for increases. */
const CLICKS_EDITION = 3;
