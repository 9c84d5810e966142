import { SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  EntryType,
  type BarrierRecord,
  type EditionEndEntry,
  type EditionEntry,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import { expectWindow, mergeWindows } from '../testing/expect-windows.ts';
import {
  foldedPieces,
  logStart,
  runFold,
  type FoldRun,
  type LoggedRecord,
} from '../testing/fold-run.ts';
import { naiveWindows } from '../testing/naive-oracle.ts';
import { RuleVersions } from '../testing/rule-versions.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const T0 = 1_700_000_000 * SECOND;
const PARTITIONS = 3;

const rule = (widths: string[], aggregates: string[], keepRaw: boolean): RuleFile => ({
  rules: [{ name: 'r', match: 'm', by: ['job'], widths, aggregates, keep_raw: keepRaw }],
});
const OLD = rule(['7m', '1h'], ['count', 'sum', 'min', 'increase', 'sum_last'], true);
/** The roll-up gets another edition as well: what the rule takes is not kept raw any more. */
const NEW = rule(['5m', '7m'], ['count', 'sum', 'last', 'increase', 'quantile'], false);

/** Samples of one partition, some minutes apart, each with the delay it arrives after. */
const arrivals = fc.array(
  fc.record({
    series: fc.nat(7),
    minute: fc.nat(200),
    value: fc.nat(100),
    delayUs: fc.constantFrom(
      -5 * MINUTE,
      0,
      0,
      3 * SECOND,
      4 * MINUTE,
      50 * MINUTE,
      5 * 60 * MINUTE,
    ),
  }),
  { minLength: 20, maxLength: 80 },
);

interface Partition {
  samples: TestSample[];
  run: FoldRun;
}

/** Folds a partition whose barrier comes so long after the first hour. */
function foldPartition(
  p: number,
  list: readonly { series: number; minute: number; value: number; delayUs: number }[],
  barrierUs: number,
): Partition {
  const log = logStart(OLD);
  const barrier = new RuleVersions(log[1]!.record as BarrierRecord).next(NEW);
  const seen = new Map<number, Set<number>>();
  const timed = list.flatMap(({ series, minute, value, delayUs }) => {
    const minutes = seen.get(series) ?? new Set();
    if (minutes.has(minute) || minutes.size === 16) return [];
    seen.set(series, minutes.add(minute));
    const labels = { __name__: 'm', job: `${series % 2}`, instance: `${p}-${series}` };
    const sample = { labels, timeUs: T0 + minute * MINUTE, value, kind: SampleKind.cumulative };
    return [{ sample, arrivesUs: sample.timeUs + delayUs }];
  });
  const records = timed.map(({ sample, arrivesUs }, i): LoggedRecord => {
    const record = dataRecord({ samples: [sample], receivedAtUs: arrivesUs, sequence: i + 1 });
    return { record, appendTimeUs: arrivesUs };
  });
  // Partition time goes on everywhere, whether samples come or not.
  for (let nowUs = T0; nowUs <= barrierUs; nowUs += MINUTE) records.push(tickAt(nowUs));
  records.push(tickAt(barrierUs), { record: barrier, appendTimeUs: barrierUs });
  records.sort((a, b) => a.appendTimeUs - b.appendTimeUs);
  const run = runFold([...log, ...records, tickAt(T0 + 600 * MINUTE)]);
  return { samples: timed.map(({ sample }) => sample), run };
}

function tickAt(nowUs: number): LoggedRecord {
  return { record: { kind: 2, receivedAtUs: nowUs }, appendTimeUs: nowUs };
}

function entriesOf<T>(partitions: readonly Partition[], type: EntryType): T[] {
  const all = partitions.flatMap(({ run }) => run.entries);
  return all.filter((entry) => entry.type === type).map(({ value }) => value as T);
}

describe('the switch of what is served', () => {
  it('finds every sample in exactly one served window, however far apart the barriers are', () => {
    const barriers = fc.array(fc.integer({ min: 0, max: 60 * 60 - 1 }), {
      minLength: PARTITIONS,
      maxLength: PARTITIONS,
    });
    const lists = fc.array(arrivals, { minLength: PARTITIONS, maxLength: PARTITIONS });
    fc.assert(
      fc.property(lists, barriers, (partitionLists, seconds) => {
        const partitions = partitionLists.map((list, p) =>
          foldPartition(p, list, T0 + 60 * MINUTE + seconds[p]! * SECOND),
        );
        const begun = entriesOf<EditionEntry>(partitions, EntryType.edition);
        const ends = entriesOf<EditionEndEntry>(partitions, EntryType.editionEnd);
        const samples = partitions.flatMap((one) => one.samples);
        const merged = mergeWindows(partitions.flatMap(({ run }) => foldedPieces(run)));
        const versions = new RuleVersions(logStart(OLD)[1]!.record as BarrierRecord);
        const old = versions.rules;
        const next = versions.next(NEW).rules as typeof old;
        for (const { name, edition } of next.rules) {
          const before = old.rules.find((one) => one.name === name)!.edition;
          // As the store does: the first whole second beyond all that came before any barrier.
          const came = begun
            .filter((one) => one.edition === edition)
            .map((one) => Math.max(one.fromPartitionTimeUs, one.fromLargestTimeUs));
          const switchUs = (Math.floor(Math.max(...came) / SECOND) + 1) * SECOND;
          const ended = ends.filter((one) => one.edition === before);
          expect(ended).toHaveLength(PARTITIONS);
          for (const { untilUs } of ended) expect(untilUs).toBeGreaterThanOrEqual(switchUs);
          const served = [
            ...[...naiveWindows(samples, old)].filter(
              ([, one]) => one.edition === before && one.startUs < switchUs,
            ),
            ...[...naiveWindows(samples, next)].filter(
              ([, one]) => one.edition === edition && one.startUs >= switchUs,
            ),
          ];
          for (const [key, window] of served) {
            const pieces = merged.get(key) ?? [];
            expectWindow(pieces, window);
            expect(pieces.filter(({ marked }) => marked)).toEqual([]);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
