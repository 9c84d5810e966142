import { SampleKind, type LedgerTotals } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  EntryType,
  EventsRecordKind,
  type FoldSettings,
  type HistogramEntry,
  type UnverifiedEntry,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestPart, type TestSample } from '../testing/data-record.ts';
import { logStart, piecesOf, runFold, type FoldRun } from '../testing/fold-run.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const T0 = 1_700_000_040 * SECOND;

const AWAY = {
  rules: [
    {
      name: 'away',
      match: '{__name__=~"away.*"}',
      by: ['job'],
      widths: ['10s'],
      aggregates: ['count', 'sum', 'increase'],
      keep_raw: false,
    },
  ],
} as unknown as RuleFile;

type Part = Omit<TestPart, 'sequence' | 'receivedAtUs'> & Partial<TestPart>;

/** Folds parts that arrive a second apart, then waits two hours. */
function fold(parts: readonly Part[], settings: Partial<FoldSettings> = {}): Outcome {
  const log = logStart(AWAY, settings);
  let nowUs = T0;
  for (const [i, part] of parts.entries()) {
    nowUs = Math.max(nowUs + SECOND, part.receivedAtUs ?? 0);
    const record = dataRecord({ sequence: i + 1, receivedAtUs: nowUs, ...part });
    log.push({ record, appendTimeUs: nowUs });
  }
  for (let i = 0; i < 3; i += 1) {
    nowUs += 60 * MINUTE;
    log.push({ record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs }, appendTimeUs: nowUs });
  }
  const run = runFold(log);
  const totals = [...run.fold.tables!.ledger.all()][0]!;
  const raw = run.entries.filter(({ type }) => type === EntryType.sample);
  return { run, totals, raw: raw.map(({ value }) => (value as unknown[]).slice(1) as number[]) };
}

interface Outcome {
  run: FoldRun;
  totals: Readonly<LedgerTotals>;
  /** Raw samples as [time µs, value, flags]. */
  raw: number[][];
}

const gauge = (timeUs: number, value = 1): TestSample => ({
  labels: { __name__: 'g' },
  timeUs,
  value,
});
const away = (timeUs: number, value: number, more: Partial<TestSample> = {}): TestSample => ({
  labels: { __name__: 'away', job: 'a' },
  timeUs,
  value,
  kind: SampleKind.cumulative,
  ...more,
});
const event = (timeUs: number, more: Partial<TestSample> = {}): TestSample => ({
  labels: { __name__: 'order' },
  timeUs,
  value: 1,
  kind: SampleKind.event,
  ...more,
});

/** Sum of a column over the pieces of the rule, by window start in seconds after T0. */
function windowsOf({ run }: Outcome, column: 'count' | 'sum' | 'increase'): [number, number][] {
  const windows = new Map<number, number>();
  for (const piece of piecesOf(run.entries)) {
    if (piece.edition !== 2) continue;
    const start = (piece.startUs - T0) / SECOND;
    windows.set(start, (windows.get(start) ?? 0) + (piece[column] ?? 0));
  }
  return [...windows].sort(([a], [b]) => a - b);
}

describe('requests that come again', () => {
  const key = { kind: 'key', key: 'r1' } as const;

  it('bring only what was refused before, each sample once', () => {
    const clicks = Array.from({ length: 6 }, (_, i) => event(T0 + i));
    const only = (...ordinals: number[]): TestSample[] => ordinals.map((i) => clicks[i]!);
    const { totals, raw } = fold([
      { samples: only(0, 3, 5), refused: [1, 2, 4], identity: key },
      { samples: only(0, 2, 3, 5), refused: [1, 4], identity: key },
      { samples: clicks, identity: key },
      { samples: clicks, identity: key },
    ]);
    expect(raw.map(([timeUs]) => timeUs! - T0)).toEqual([0, 3, 5, 2, 1, 4]);
    expect(totals).toMatchObject({ accepted: 19, stored: 6, duplicate: 13 });
  });

  it('are told apart by their part', () => {
    const { totals } = fold([
      { samples: [event(T0)], identity: { ...key, part: 0 } },
      { samples: [event(T0)], identity: { ...key, part: 1 } },
      { samples: [event(T0)], identity: { ...key, part: 1 } },
    ]);
    expect(totals).toMatchObject({ stored: 2, duplicate: 1 });
  });

  it('are unverified once their identity may be forgotten, unless arrival is their time', () => {
    const settings = { identityHorizonUs: MINUTE, futureSkewUs: 0 };
    const first = { samples: [event(T0), event(T0, { untimed: true })], identity: key };
    const later = { ...first, receivedAtUs: T0 + 5 * MINUTE };
    const { totals } = fold([first, later], settings);
    expect(totals).toMatchObject({ accepted: 4, stored: 3, unverified: 1 });
  });

  it('of a log that appended them twice are no arrivals at all', () => {
    const { totals, run } = fold([
      { samples: [event(T0)], sequence: 1 },
      { samples: [event(T0)], sequence: 1 },
      { samples: [event(T0)], sequence: 1, receiver: '00000000000000bb' },
    ]);
    expect(totals).toMatchObject({ accepted: 2, stored: 2 });
    expect(run.fold.counts.appendedAgain).toBe(1);
  });
});

describe('events', () => {
  it('are told from others by their id, in any request', () => {
    const { totals } = fold([
      { samples: [event(T0, { id: 'a' }), event(T0, { id: 'b' })] },
      { samples: [event(T0, { id: 'a' }), event(T0 + 5, { id: 'a' }), event(T0)] },
      { samples: [event(T0, { id: 'a', labels: { __name__: 'refund' } })] },
    ]);
    expect(totals).toMatchObject({ accepted: 6, stored: 4, duplicate: 2 });
  });

  it('without id or identity count each time', () => {
    expect(fold([{ samples: [event(T0), event(T0)] }]).totals.stored).toBe(2);
  });
});

describe('samples with an identity in time', () => {
  it('are in conflict when another value was first', () => {
    const { totals, raw } = fold([{ samples: [gauge(T0, 1), gauge(T0, 2), gauge(T0, 1)] }]);
    expect(totals).toMatchObject({ stored: 1, conflict: 1, duplicate: 1 });
    expect(raw).toEqual([[T0, 1, 0]]);
  });

  it('without a time get the next that is free, also below the floor', () => {
    const untimed = (timeUs: number): TestSample => ({ ...gauge(timeUs), untimed: true });
    const newer = Array.from({ length: 20 }, (_, i) => gauge(T0 + i * SECOND));
    const { totals, raw } = fold([
      { samples: [untimed(T0), untimed(T0), gauge(T0, 5)] },
      { samples: newer.slice(1) },
      { samples: [untimed(T0)] },
    ]);
    expect(raw.slice(0, 2).map(([timeUs]) => timeUs)).toEqual([T0, T0 + 1]);
    expect(totals).toMatchObject({ accepted: 23, stored: 22, conflict: 1 });
  });

  it('below the floor are kept marked, or beside where raw is not kept', () => {
    const times = Array.from({ length: 40 }, (_, i) => T0 + i * SECOND);
    const kept = fold([
      { samples: times.map((t) => gauge(t)) },
      { samples: [gauge(T0 + 5 * SECOND)] },
    ]);
    expect(kept.totals).toMatchObject({ stored: 40, unverified: 1 });
    expect(kept.raw.at(-1)).toEqual([T0 + 5 * SECOND, 1, 32]);
    const beside = fold([
      { samples: times.map((t, i) => away(t, i)) },
      { samples: [away(T0 + 5 * SECOND, 5)] },
    ]);
    expect(beside.totals).toMatchObject({ stored: 40, unverified: 1 });
    const entries = beside.run.entries.filter(({ type }) => type === EntryType.unverified);
    expect(entries.map(({ value }) => (value as UnverifiedEntry).value)).toEqual([5]);
    const marked = piecesOf(beside.run.entries).filter((piece) => piece.marked);
    expect(marked.map(({ startUs }) => startUs)).toEqual([T0]);
  });

  it('of a series that came back are not new below the floor its leaving raised', () => {
    const settings = { seriesIdleUs: MINUTE };
    const again = { samples: [gauge(T0), gauge(T0 + 1)], receivedAtUs: T0 + 10 * MINUTE };
    const { totals } = fold([{ samples: [gauge(T0)] }, again], settings);
    expect(totals).toMatchObject({ stored: 2, unverified: 1 });
  });

  it('that are stale end the series, and are dropped where raw is not kept', () => {
    const stale = { value: NaN, stale: true };
    const { totals, raw, run } = fold([
      { samples: [{ ...gauge(T0), ...stale }, away(T0, 5), away(T0 + 1, NaN, stale)] },
      { samples: [away(T0 + 2, 9)] },
    ]);
    expect(totals).toMatchObject({ accepted: 4, stored: 3, dropped: 1 });
    expect(raw).toEqual([[T0, NaN, 1]]);
    expect(windowsOf({ run, totals, raw }, 'increase')).toEqual([[0, 4]]);
  });

  it('that are histograms are counted, kept as they came, and end no counter', () => {
    const histogram = Uint8Array.of(1, 2, 3);
    const { run, totals, raw } = fold([
      {
        samples: [
          { ...gauge(T0), histogram },
          { ...gauge(T0), histogram },
        ],
      },
      { samples: [away(T0, 5), away(T0 + 1, 0, { histogram }), away(T0 + 2, 9)] },
    ]);
    const kept = run.entries.filter(({ type }) => type === EntryType.histogram);
    expect(kept.map(({ value }) => [...(value as HistogramEntry).histogram])).toEqual([[1, 2, 3]]);
    expect(totals).toMatchObject({ stored: 4, duplicate: 1 });
    expect(windowsOf({ run, totals, raw }, 'count')).toEqual([[0, 3]]);
    expect(windowsOf({ run, totals, raw }, 'increase')).toEqual([[0, 4]]);
  });
});

describe('increases', () => {
  const increases = (...parts: TestSample[][]): [number, number][] =>
    windowsOf(fold(parts.map((samples) => ({ samples }))), 'increase');
  const at = (seconds: number, value: number, more: Partial<TestSample> = {}): TestSample =>
    away(T0 + seconds * SECOND, value, more);

  it('belong to the window of the later sample, and begin anew after a reset', () => {
    expect(increases([at(5, 10), at(12, 14), at(15, 3), at(25, 4)])).toEqual([
      [0, 0],
      [10, 7],
      [20, 1],
    ]);
  });

  it('are split by a sample that comes late, without changing their sum', () => {
    expect(increases([at(5, 10), at(25, 30)], [at(15, 18)])).toEqual([
      [0, 0],
      [10, 8],
      [20, 12],
    ]);
  });

  it('open no window again that a late sample does not change', () => {
    const parts = [[at(5, 10), at(25, 10)], [at(15, 10)]];
    const { run } = fold(parts.map((samples) => ({ samples })));
    const open = piecesOf(run.entries).filter(({ edition }) => edition === 2);
    expect(open.map(({ startUs }) => (startUs - T0) / SECOND).sort((a, b) => a - b)).toEqual([
      0, 10, 20,
    ]);
  });

  it('count from the start of the counter when that is known', () => {
    const startUs = T0 - SECOND;
    expect(increases([at(5, 10, { startUs }), at(15, 12, { startUs })])).toEqual([
      [0, 10],
      [10, 2],
    ]);
    const restarted = T0 + 12 * SECOND;
    expect(increases([at(5, 10), at(15, 50, { startUs: restarted })])).toEqual([
      [0, 0],
      [10, 50],
    ]);
  });

  it('are the values themselves for deltas, in any order', () => {
    const delta = { kind: SampleKind.delta };
    expect(increases([at(15, 5, delta), at(5, 3, delta)], [at(5, 3, delta)])).toEqual([
      [0, 3],
      [10, 5],
    ]);
  });

  it('in a gap are not known: nothing is moved, and only windows with increases are marked', () => {
    const times = Array.from({ length: 40 }, (_, i) => (i < 2 ? i : i + 58));
    const { run, totals } = fold([
      { samples: times.map((t) => at(t, t)) },
      { samples: [at(30, 30)] },
      { samples: times.map((t) => ({ ...gauge(T0 + t * SECOND), kind: SampleKind.unknown })) },
    ]);
    expect(totals).toMatchObject({ stored: 81, unverified: 0 });
    const marked = piecesOf(run.entries).filter((piece) => piece.marked);
    expect(marked.map(({ startUs }) => (startUs - T0) / SECOND)).toEqual([30]);
    expect(marked[0]!.increase).toBe(0);
  });
});

describe('the bounds of the fold', () => {
  it('forget series, and count them', () => {
    const samples = Array.from({ length: 20 }, (_, i): TestSample => ({
      ...gauge(T0),
      labels: { __name__: 'g', i: `${i}` },
    }));
    const { run } = fold([{ samples: samples.slice(0, 8) }, { samples: samples.slice(8) }], {
      seriesMax: 16,
    });
    expect(run.fold.tables!.series.size).toBe(12);
    expect(run.fold.counts.overflowedSeries).toBe(8);
  });
});
