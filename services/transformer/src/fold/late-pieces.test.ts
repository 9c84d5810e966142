import { openedAt, SampleKind, type Piece } from '@millrace/model';
import {
  EntryType,
  EventsRecordKind,
  SeriesRecordBuilder,
  type BarrierRecord,
  type FoldSettings,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import {
  entryTexts,
  foldedPieces,
  logStart,
  runFold,
  TEST_LOG_ID,
  type FoldRun,
  type LoggedRecord,
} from '../testing/fold-run.ts';
import { mergePieces } from '../testing/merge-pieces.ts';
import { RuleVersions } from '../testing/rule-versions.ts';
import { TIGHT_SETTINGS, variedLog } from '../testing/varied-log.ts';
import { PieceField } from '../memory/piece-memory.ts';
import { PartitionFold } from './partition-fold.ts';
import { newPartitionHead } from './partition-state.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** Where windows of all widths begin. */
const T0 = 1_699_999_200 * SECOND;
const SERIES = 5;

interface BacklogParams {
  foldVersion: number;
  /** Brings another fold version in the middle. */
  next?: number;
  settings?: Partial<FoldSettings>;
}

/** An hour of samples, ten seconds apart, of which each second brings a minute, all of it late. */
function backlog({ foldVersion, next, settings }: BacklogParams): LoggedRecord[] {
  const log = logStart(undefined, settings, foldVersion);
  const versions = new RuleVersions(log[1]!.record as BarrierRecord);
  let nowUs = T0 + 100 * MINUTE;
  let sequence = 0;
  for (let step = 0; step < 360; step += 1) {
    if (step === 190 && next !== undefined) {
      log.push({ record: versions.next(undefined, {}, next), appendTimeUs: nowUs });
    }
    nowUs += SECOND / 6;
    const samples = Array.from({ length: SERIES }, (_, s): TestSample => {
      const labels = { __name__: 'm', instance: `${s}` };
      const timeUs = T0 + step * 10 * SECOND;
      return { labels, kind: SampleKind.cumulative, timeUs, value: step * (s + 1) };
    });
    sequence += 1;
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence });
    log.push({ record, appendTimeUs: nowUs });
  }
  for (let i = 0; i < 12; i += 1) {
    nowUs += SECOND;
    log.push({ record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs }, appendTimeUs: nowUs });
  }
  return log;
}

function finals({ entries }: FoldRun): Piece[] {
  return entries.filter(({ type }) => type === EntryType.final).map(({ value }) => value as Piece);
}

describe('late pieces of roll-ups', () => {
  it('are one for each window, and come ten seconds after the last sample', () => {
    const run = runFold(backlog({ foldVersion: 3 }));
    const pieces = finals(run);
    // Twelve windows of five minutes and one of an hour.
    expect(pieces).toHaveLength(SERIES * 13);
    expect(mergePieces(pieces).size).toBe(pieces.length);
    expect(run.fold.tables!.windows.pieces.size).toBe(0);
    expect(run.fold.counts.late).toBe(SERIES * 360);
  });

  it('say together what they said when each second had its own', () => {
    const [before, now] = [2, 3].map((foldVersion) => runFold(backlog({ foldVersion })));
    expect(finals(before!).length).toBeGreaterThan(5 * finals(now!).length);
    expect(mergePieces(finals(now!))).toEqual(mergePieces(finals(before!)));
  });

  it.each([
    ['the newest', 2, 3],
    ['one of before', 3, 2],
  ])('say the same when %s comes into force in the middle', (_what, foldVersion, next) => {
    const log = backlog({ foldVersion, next });
    const run = runFold(log);
    const whole = finals(runFold(backlog({ foldVersion: 3 })));
    expect(mergePieces(finals(run))).toEqual(mergePieces(whole));
    const [barrier] = [...log.entries()].filter(
      ([at, { record }]) => at > 1 && record.kind === EventsRecordKind.barrier,
    );
    const [at] = barrier!;
    const isBefore = ({ address }: FoldRun['entries'][number]): boolean => address.offset < at;
    const unchanged = runFold(backlog({ foldVersion })).entries.filter(isBefore);
    expect(entryTexts(run.entries.filter(isBefore))).toEqual(entryTexts(unchanged));
    const restarted = runFold(log, { restartAfter: (offset) => offset >= at - 2 });
    expect(entryTexts(restarted.entries)).toEqual(entryTexts(run.entries));
  });

  it('are put out the least recently touched first when there are too many', () => {
    const tight = { foldVersion: 3, settings: { piecesMax: 8 } };
    const run = runFold(backlog(tight));
    expect(run.fold.counts.overflowedPieces).toBeGreaterThan(20);
    expect(mergePieces(foldedPieces(run))).toEqual(
      mergePieces(finals(runFold(backlog({ foldVersion: 3 })))),
    );
  });
});

/** What arrives in time beside a backlog: other series, a sample of each with every late record. */
function besideBacklog(settings: Partial<FoldSettings>): LoggedRecord[] {
  const late = backlog({ foldVersion: 3, settings });
  const log = late.slice(0, 2);
  let sequence = 0;
  for (const [step, { record, appendTimeUs }] of late.slice(2).entries()) {
    log.push({ record, appendTimeUs });
    const samples = Array.from({ length: SERIES }, (_, s): TestSample => {
      const labels = { __name__: 'live', instance: `${s}` };
      const timeUs = Math.floor(appendTimeUs);
      return { labels, kind: SampleKind.cumulative, timeUs, value: (step * 7) % 40 };
    });
    sequence += 1;
    const receiver = '00000000000000bb';
    const inTime = dataRecord({ samples, receivedAtUs: appendTimeUs, sequence, receiver });
    log.push({ record: inTime, appendTimeUs });
  }
  const endUs = late.at(-1)!.appendTimeUs;
  for (const us of [180 * MINUTE, 181 * MINUTE]) {
    const receivedAtUs = endUs + us;
    const record = { kind: EventsRecordKind.tick, receivedAtUs } as const;
    log.push({ record, appendTimeUs: receivedAtUs });
  }
  return log;
}

describe('too many pieces, of which those in time were touched before late ones that wait', () => {
  const windowOf = ({ edition, fingerprint, widthUs, startUs }: Piece): string =>
    [edition, Buffer.from(fingerprint).toString('hex'), widthUs, startUs].join(' ');

  it('are more rows, and the same windows; each piece is final once', () => {
    const whole = finals(runFold(besideBacklog({})));
    expect(new Set(whole.map(windowOf)).size).toBe(whole.length);
    const log = besideBacklog({ piecesMax: 18 });
    const run = runFold(log);
    expect(run.fold.counts.overflowedPieces).toBeGreaterThan(100);
    expect(run.fold.tables!.windows.pieces.size).toBe(0);
    const pieces = finals(run);
    expect(mergePieces(pieces)).toEqual(mergePieces(whole));
    const names = pieces.map((piece) => `${windowOf(piece)} ${piece.piece}`);
    expect(new Set(names).size).toBe(pieces.length);
    // Also of windows that were not over: those hold more of their pieces.
    const firstUs = log[2]!.appendTimeUs;
    const inTime = pieces.filter(({ startUs, widthUs }) => startUs + widthUs > firstUs);
    expect(inTime.length).toBeGreaterThan(2 * new Set(inTime.map(windowOf)).size);
    // Nothing of a piece comes behind its final entry.
    const ended = new Set<string>();
    for (const { type, value } of run.entries) {
      if (type !== EntryType.open && type !== EntryType.final) continue;
      const name = `${windowOf(value as Piece)} ${(value as Piece).piece}`;
      expect(ended.has(name)).toBe(false);
      if (type === EntryType.final) ended.add(name);
    }
  });
});

/** Folds one record after the other, and looks at what is open behind each. */
function eachRecord(log: readonly LoggedRecord[], look: (fold: PartitionFold) => void): void {
  const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: 3 };
  const out = new SeriesRecordBuilder(head, { offset: 0, ordinal: 0 }, 10_000_000);
  const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, out);
  for (const { record, appendTimeUs } of log) {
    fold.apply(record, appendTimeUs);
    look(fold);
  }
}

describe('a piece of a roll-up that was opened in time', () => {
  it.each([
    ['usual bounds', {}],
    ['settings that change', { changes: 0.2 }],
    ['settings and the fold version', { changes: 0.2, upgradedFrom: 2 }],
    ['bounds that are reached', { changes: 0.1, settings: TIGHT_SETTINGS }],
  ])('is put out when the watermark passes its end, under %s', (_what, params) => {
    let [inTime, late, overdue] = [0, 0, 0];
    for (let seed = 1; seed <= 8; seed += 1) {
      const watermarks: number[] = [];
      eachRecord(variedLog(seed, { records: 150, ...params }), ({ head, tables }) => {
        watermarks.push(head.watermarkUs);
        if (tables === undefined || tables.barrier.foldVersion < 3) return;
        const { editions, windows } = tables;
        const { pieces } = windows;
        for (const slot of pieces.used()) {
          const { edition, startUs, widthUs, name } = PieceField;
          if (editions.plans.get(pieces.field(slot, edition))!.aggregatesAway) continue;
          const endUs = pieces.field(slot, startUs) + pieces.field(slot, widthUs);
          const openedUs = watermarks[openedAt(pieces.field(slot, name))]!;
          if (endUs > openedUs) inTime += 1;
          else late += 1;
          if (endUs > openedUs && endUs <= head.watermarkUs) overdue += 1;
        }
      });
    }
    expect(overdue).toBe(0);
    expect(inTime).toBeGreaterThan(1000);
    expect(late).toBeGreaterThan(20);
  });
});
