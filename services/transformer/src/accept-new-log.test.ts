import { LOG_NUMBER_MAX } from '@millrace/model';
import { systemClock } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import { TOPIC_SERIES } from '@millrace/stream';
import {
  decodeSeriesRecordHeader,
  EntryType,
  EventsRecordKind,
  listEntries,
  type BarrierRecord,
  type EditionEndEntry,
  type EditionEntry,
  type EventsRecord,
  type LedgerEntry,
} from '@millrace/wire';
import { compileRules, type Rule } from '@millrace/rules';
import { describe, expect, it, vi } from 'vitest';
import { acceptNewLog } from './accept-new-log.ts';
import { dataRecord } from './testing/data-record.ts';
import { loadPages } from './fold/partition-state.ts';
import { logStart, TEST_LOG_ID } from './testing/fold-run.ts';
import { RuleVersions } from './testing/rule-versions.ts';
import { StageBench } from './testing/stage-bench.ts';

const T0 = 1_700_000_000_000_000;
const OTHER_LOG_ID = 'ff'.repeat(16);
const RULE: Rule = { name: 'r', match: 'g', widths: ['1m'], aggregates: ['count'] };

/** What a log with this id begins with. */
function startOf(logId: string): EventsRecord[] {
  return [{ kind: EventsRecordKind.log, logId }, logStart()[1]!.record];
}

function samples(from: number, to: number, sequence: number, receiver: string): EventsRecord {
  const times = Array.from({ length: to - from }, (_, i) => T0 + (from + i) * 1_000_000);
  return dataRecord({
    samples: times.map((timeUs) => ({ labels: { __name__: 'g' }, timeUs, value: 1 })),
    // The ticks that follow carry the present: much later, the series would be forgotten.
    receivedAtUs: systemClock.nowUs(),
    sequence,
    receiver,
  });
}

/** Runs the stage until it has folded what is there and said so in the ledger. */
async function foldAll(bench: StageBench, logNumber: number): Promise<void> {
  const transformer = bench.start();
  const running = transformer.run();
  const end = bench.end();
  await vi.waitFor(
    () => {
      expect(bench.committed()).toBeGreaterThan(end);
      // Partition time has to reach another second: ticks move it.
      expect(lastTotals(bench)).toMatchObject({ logNumber, accepted: expect.any(Number) });
    },
    { timeout: 20_000, interval: 5 },
  );
  await transformer.stop();
  await running;
}

/** The newest log in the series topic, its number, and its last totals as far as there are any. */
function lastTotals(bench: StageBench): Record<string, unknown> {
  const records = bench.log.partition(TOPIC_SERIES, 0).read(0, Infinity);
  const { logId, logNumber } = decodeSeriesRecordHeader(records.at(-1)!.payload);
  const ledgers = records
    .filter(({ payload }) => decodeSeriesRecordHeader(payload).logNumber === logNumber)
    .flatMap(({ payload }) => listEntries(payload))
    .filter(({ type }) => type === EntryType.ledger)
    .flatMap(({ value }) => (value as LedgerEntry).totals);
  return { logId, logNumber, ...ledgers.at(-1) };
}

async function foldedBench(): Promise<{ bench: StageBench; state: MemoryStateStore }> {
  const bench = new StageBench();
  for (const record of startOf(TEST_LOG_ID)) bench.append(record);
  bench.append(samples(0, 10, 1, '00000000000000aa'));
  await foldAll(bench, 1);
  return { bench, state: new MemoryStateStore(bench.database) };
}

/** Entries of a type in the order they were published, those of repeated records once. */
function entriesOf<T>(bench: StageBench, type: EntryType): T[] {
  const found = new Map<string, T>();
  for (const { payload } of bench.log.partition(TOPIC_SERIES, 0).read(0, Infinity)) {
    const { logNumber } = decodeSeriesRecordHeader(payload);
    for (const { address, type: entryType, value } of listEntries(payload)) {
      const at = `${logNumber}/${address.offset}.${address.ordinal}`;
      if (entryType === type) found.set(at, value as T);
    }
  }
  return [...found.values()];
}

describe('acceptNewLog', () => {
  it('goes on under the next number: what was seen is known, totals begin anew', async () => {
    const { bench, state } = await foldedBench();
    expect(lastTotals(bench)).toMatchObject({ logNumber: 1, accepted: 10, stored: 10 });
    bench.log = bench.newLog();
    for (const record of startOf(OTHER_LOG_ID)) bench.append(record);
    bench.append(samples(5, 12, 1, '00000000000000bb'));
    expect(await acceptNewLog(state, 0, OTHER_LOG_ID, 1)).toEqual({
      logNumber: 2,
      isFoldedAgain: false,
    });
    await foldAll(bench, 2);
    // The store adds up the totals of all logs: 10 + 7 accepted, 10 + 2 stored.
    expect(lastTotals(bench)).toMatchObject({
      logId: OTHER_LOG_ID,
      logNumber: 2,
      accepted: 7,
      stored: 2,
      duplicate: 5,
    });
    expect(await acceptNewLog(state, 0, OTHER_LOG_ID, 1)).toMatchObject({ logNumber: 2 });
  });

  it('goes on with editions that the new log has too, and takes those it brings', async () => {
    const bench = new StageBench();
    const versions = new RuleVersions(logStart()[1]!.record as BarrierRecord);
    bench.append({ kind: EventsRecordKind.log, logId: TEST_LOG_ID });
    bench.append(logStart()[1]!.record);
    bench.append(versions.next({ rules: [{ ...RULE, name: 'left' }] }));
    bench.append(samples(0, 10, 1, '00000000000000aa'));
    await foldAll(bench, 1);
    bench.log = bench.newLog();
    bench.append({ kind: EventsRecordKind.log, logId: OTHER_LOG_ID });
    // Its number is no higher than the one in force; what it follows is not in this log.
    const first = { ...versions.next({ rules: [RULE] }), number: 1, after: 0 };
    bench.append(first);
    bench.append(samples(10, 12, 1, '00000000000000bb'));
    await acceptNewLog(new MemoryStateStore(bench.database), 0, OTHER_LOG_ID, 1);
    await foldAll(bench, 2);
    const begun = entriesOf<EditionEntry>(bench, EntryType.edition);
    const r = versions.rules.rules.find(({ name }) => name === RULE.name)!.edition;
    expect(begun.map(({ edition }) => edition)).toEqual([r]);
    const ended = entriesOf<EditionEndEntry>(bench, EntryType.editionEnd);
    expect(ended.map(({ edition, position }) => [edition, position])).toEqual([[2, 1]]);
    const state = await new MemoryStateStore(bench.database).load(0);
    expect(loadPages(state!.pages).tables!.barrier.number).toBe(1);
  });

  it('refuses rules of the new log that give an edition another meaning', async () => {
    const { bench, state } = await foldedBench();
    bench.log = bench.newLog();
    const [start, barrier] = startOf(OTHER_LOG_ID);
    const { rules, version } = compileRules({ rules: [RULE] });
    bench.append(start!);
    bench.append({
      ...barrier,
      rules: { version, rules: [{ ...rules[1]!, edition: 1 }] },
    } as never);
    await acceptNewLog(state, 0, OTHER_LOG_ID, 1);
    const transformer = bench.start();
    const running = transformer.run();
    await vi.waitFor(() => {
      const [partition] = transformer.status().partitions;
      expect(partition!.reason?.code).toBe('FOLD_EDITION_REUSED');
    }, 10_000);
    await transformer.stop();
    await running;
  });

  it('folds again what was folded under a number that another log has in the store', async () => {
    const { bench, state } = await foldedBench();
    expect(await acceptNewLog(state, 0, TEST_LOG_ID, 0)).toMatchObject({ logNumber: 1 });
    expect(await acceptNewLog(state, 0, TEST_LOG_ID, 4)).toEqual({
      logNumber: 5,
      isFoldedAgain: true,
    });
    await foldAll(bench, 5);
    expect(lastTotals(bench)).toMatchObject({ logNumber: 5, accepted: 10, stored: 10 });
  });

  it('begins a partition that has no state, and knows when names have run out', async () => {
    const state = new MemoryStateStore();
    await expect(acceptNewLog(state, 0, OTHER_LOG_ID, LOG_NUMBER_MAX)).rejects.toMatchObject({
      code: 'TRANSFORMER_LOG_NUMBER',
    });
    expect(await acceptNewLog(state, 0, OTHER_LOG_ID, 6)).toMatchObject({ logNumber: 7 });
    await expect(acceptNewLog(state, 0, TEST_LOG_ID, LOG_NUMBER_MAX)).rejects.toMatchObject({
      code: 'TRANSFORMER_LOG_NUMBER',
    });
    expect(await state.readPosition(0)).toEqual({ logId: OTHER_LOG_ID, position: 0 });
  });
});
