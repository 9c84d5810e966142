import { HyperLogLog, SampleKind } from '@millrace/model';
import { compileRules, type RuleFile } from '@millrace/rules';
import { EntryType, type LedgerEntry } from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import { expectWindow, mergeWindows } from '../testing/expect-windows.ts';
import { entryTexts, logStart, piecesOf, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { naiveWindows } from '../testing/naive-oracle.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;

const RULES: RuleFile = {
  rules: [
    {
      name: 'by-job',
      match: '{__name__=~"m.*"}',
      by: ['job'],
      widths: [10 * SECOND, 60 * SECOND].map((us) => `${us / SECOND}s`),
      aggregates: [
        'count',
        'sum',
        'avg',
        'min',
        'max',
        'first',
        'last',
        'quantile',
        'distinct',
        'sum_last',
        'avg_last',
        'count_series',
        'increase',
        'rate',
      ],
      keep_raw: true,
    },
    {
      name: 'away',
      match: 'm1',
      without: ['instance'],
      widths: ['1m'],
      aggregates: ['count', 'sum', 'distinct(instance)'],
      keep_raw: false,
    },
  ],
} as unknown as RuleFile;

/** Samples with distinct (series, time), delivered out of order within what is remembered. */
const sampleLists = fc
  .array(
    fc.record({
      metric: fc.constantFrom('m0', 'm1', 'm2', 'other'),
      job: fc.constantFrom('a', 'b'),
      instance: fc.constantFrom('x', 'y', 'z'),
      step: fc.integer({ min: 0, max: 14 }),
      value: fc.oneof(fc.integer({ min: -50, max: 1000 }), fc.constant(NaN), fc.constant(Infinity)),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => {
    const seen = new Set<string>();
    return list
      .map(({ metric, job, instance, step, value }): TestSample => {
        const kind =
          metric === 'm0'
            ? SampleKind.gauge
            : metric === 'm1'
              ? SampleKind.cumulative
              : SampleKind.unknown;
        const labels = { __name__: metric, job, instance };
        const counter =
          kind === SampleKind.gauge || !Number.isFinite(value) ? value : Math.abs(value);
        return { labels, timeUs: T0 + step * 7 * SECOND, value: counter, kind };
      })
      .filter((sample) => {
        const key = JSON.stringify([sample.labels, sample.timeUs]);
        if (seen.has(key)) return false;
        seen.add(key);
        return sample.kind === SampleKind.gauge || Number.isFinite(sample.value);
      });
  })
  .filter((list) => list.length > 0);

function logOf(batches: readonly (readonly TestSample[])[], extraTicks = 0): LoggedRecord[] {
  const log = logStart(RULES);
  let nowUs = T0 + 100 * SECOND;
  batches.forEach((samples, i) => {
    nowUs += 700_000;
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence: i + 1 });
    log.push({ record, appendTimeUs: nowUs });
  });
  for (let i = 0; i < extraTicks; i += 1) {
    nowUs += 30 * 60 * SECOND;
    log.push({ record: { kind: 2, receivedAtUs: nowUs }, appendTimeUs: nowUs });
  }
  return log;
}

function chunk<T>(list: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < list.length; i += size) chunks.push(list.slice(i, i + size));
  return chunks;
}

describe('PartitionFold', () => {
  it('gives the windows that a naive computation over all samples gives', () => {
    fc.assert(
      fc.property(sampleLists, fc.integer({ min: 1, max: 9 }), (samples, size) => {
        const { entries } = runFold(logOf(chunk(samples, size), 6));
        const merged = mergeWindows(piecesOf(entries));
        const naive = naiveWindows(samples, compileRules(RULES));
        expect([...merged.keys()].sort()).toEqual([...naive.keys()].sort());
        for (const [key, window] of naive) expectWindow(merged.get(key)!, window);
      }),
      { numRuns: 150 },
    );
  });

  it('puts out the same entries however it is cut and restarted', () => {
    fc.assert(
      fc.property(
        sampleLists,
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 200, max: 5000 }),
        (samples, size, cuts, restarts, recordBytesMax) => {
          const log = logOf([...chunk(samples, size), ...chunk(samples, size + 1)], 4);
          const whole = runFold(log);
          const other = runFold(log, {
            cutAfter: (offset) => cuts[offset % cuts.length]!,
            restartAfter: (offset) => restarts[offset % restarts.length]!,
            recordBytesMax,
          });
          expect(entryTexts(other.entries)).toEqual(entryTexts(whole.entries));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('counts repeated samples as duplicates, and everything accepted exactly once', () => {
    fc.assert(
      fc.property(sampleLists, fc.integer({ min: 1, max: 9 }), (samples, size) => {
        const { entries } = runFold(logOf([...chunk(samples, size), samples, samples], 2));
        const raw = entries.filter(({ type }) => type === EntryType.sample);
        const ledgers = entries.filter(({ type }) => type === EntryType.ledger);
        const totals = ledgers.flatMap(({ value }) => (value as LedgerEntry).totals).at(-1)!;
        expect(totals.accepted).toBe(3 * samples.length);
        expect(totals.stored).toBe(samples.length);
        expect(totals.duplicate).toBe(2 * samples.length);
        expect(totals.conflict + totals.unverified + totals.dropped).toBe(0);
        const kept = samples.filter((sample) => sample.labels['__name__'] !== 'm1');
        expect(raw.length).toBe(kept.length);
      }),
      { numRuns: 100 },
    );
  });

  it('counts distinct label values of series that are aggregated away', () => {
    const samples = ['x', 'y', 'z', 'x'].map((instance, i): TestSample => ({
      labels: { __name__: 'm1', job: 'a', instance },
      timeUs: T0 + i * SECOND,
      value: i,
      kind: SampleKind.cumulative,
    }));
    const { entries } = runFold(logOf([samples], 2));
    const away = piecesOf(entries).filter((piece) => piece.edition === 3);
    expect(away).toHaveLength(1);
    expect(Math.round(HyperLogLog.decode(away[0]!.distinct!).estimate())).toBe(3);
    expect(away[0]!.count).toBe(4);
  });
});
