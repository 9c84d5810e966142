import {
  fingerprintHex,
  fingerprintOf,
  partitionOf,
  type LedgerTotals,
  type Piece,
} from '@millrace/model';
import { compileRules } from '@millrace/rules';
import { TOPIC_SERIES } from '@millrace/stream';
import {
  entryTexts,
  labelSetOf,
  naiveWindows,
  TEST_TENANT,
  windowKey,
  type TestSample,
} from '@millrace/transformer/testing';
import { listEntries } from '@millrace/wire';
import { SIM_RULES } from './sim-rules.ts';
import { SIM_PARTITIONS, type SimWorld } from './sim-world.ts';

/** What the checkers found wrong; empty: all held. */
export interface SimVerdict {
  problems: string[];
  stored: number;
  windows: number;
}

/** Purity, conservation, exactly-once storage, watermarks, and the windows against the oracle. */
export async function checkRun(world: SimWorld): Promise<SimVerdict> {
  const problems: string[] = world.store.failures.map((error) => `failure: ${String(error)}`);
  const pieces: Piece[] = [];
  let stored = 0;
  for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
    problems.push(...checkPurity(world, partition));
    const rows = world.store.rows(partition);
    pieces.push(...rows.finals, ...rows.open.values());
    problems.push(...checkSamples(world.owed, rows.samples, partition));
    problems.push(...checkTotals(world.owed, rows.totals.get(TEST_TENANT), partition));
    stored += rows.totals.get(TEST_TENANT)?.stored ?? 0;
    if (rows.watermarks.some((w, i) => i > 0 && w < rows.watermarks[i - 1]!)) {
      problems.push(`partition ${partition}: the watermark went back`);
    }
  }
  const windows = checkWindows(world.owed, pieces, problems);
  return { problems, stored, windows };
}

/** Whoever put it out, and however often: one address, one entry. */
function checkPurity(world: SimWorld, partition: number): string[] {
  const known = new Map<string, string>();
  const problems: string[] = [];
  const log = world.log.partition(TOPIC_SERIES, partition);
  for (const { payload } of log.read(0, Infinity)) {
    const entries = listEntries(payload);
    for (const [i, text] of entryTexts(entries).entries()) {
      const { offset, ordinal } = entries[i]!.address;
      const address = `${partition}:${offset}.${ordinal}`;
      const before = known.get(address);
      if (before === undefined) known.set(address, text);
      else if (before !== text) problems.push(`two different entries at ${address}`);
    }
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
function checkSamples(
  owed: readonly TestSample[],
  rows: readonly string[],
  partition: number,
): string[] {
  const expected = inPartition(owed, partition)
    .filter((sample) => sample.labels['__name__'] !== 'click')
    .map(({ labels, timeUs, value }) => {
      const fingerprint = fingerprintOf(TEST_TENANT, labelSetOf(labels));
      return `${fingerprintHex(fingerprint).slice(0, 16)}/${timeUs}/${value}/0`;
    })
    .sort();
  const found = [...rows].sort();
  if (JSON.stringify(expected) === JSON.stringify(found)) return [];
  const missing = expected.filter((row) => !found.includes(row)).length;
  const extra = found.length - expected.length + missing;
  return [`partition ${partition}: ${missing} raw samples missing, ${extra} too many`];
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
