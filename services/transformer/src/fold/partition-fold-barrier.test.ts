import { compileRules } from '@millrace/rules';
import {
  DEFAULT_FOLD_SETTINGS,
  EntryType,
  EventsRecordKind,
  SeriesRecordBuilder,
  type BarrierRecord,
  type EventsRecord,
  type FoldSettings,
  type LedgerEntry,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { dataRecord } from '../testing/data-record.ts';
import { logStart, piecesOf, runFold, TEST_LOG_ID } from '../testing/fold-run.ts';
import { VARIED_RULES } from '../testing/varied-log.ts';
import { FOLD_VERSION, PartitionFold } from './partition-fold.ts';
import { loadPages, newPartitionHead, takePages } from './partition-state.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;

const BARRIER = logStart(VARIED_RULES)[1]!.record as BarrierRecord;

function newFold(): { fold: PartitionFold; out: SeriesRecordBuilder } {
  const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: FOLD_VERSION };
  const out = new SeriesRecordBuilder(head, { offset: 0, ordinal: 0 }, 1e6);
  return { fold: new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, out), out };
}

const sampleAt = (timeUs: number, sequence: number): EventsRecord =>
  dataRecord({
    samples: [{ labels: { __name__: 'm0' }, timeUs, value: 1 }],
    receivedAtUs: timeUs,
    sequence,
  });

describe('barriers', () => {
  it('that repeat the rules are ignored, under any number', () => {
    const { fold, out } = newFold();
    fold.apply(BARRIER, T0);
    fold.apply(BARRIER, T0);
    fold.apply({ ...BARRIER, number: 7 }, T0);
    fold.apply({ ...BARRIER, number: 3, rules: compileRules(undefined) }, T0);
    expect(fold.tables!.barrier.number).toBe(7);
    // Three editions of the first one, nothing of the others.
    expect(out.address).toEqual({ offset: 3, ordinal: 0 });
    expect(fold.tables!.rules.rules).toHaveLength(3);
  });

  it.each<[string, Partial<BarrierRecord>, string]>([
    ['other rules', { rules: compileRules(undefined) }, 'FOLD_RULES_CHANGED'],
    ['other settings', { settings: { ...BARRIER.settings, gapsMax: 3 } }, 'FOLD_RULES_CHANGED'],
    ['another fold version', { foldVersion: FOLD_VERSION + 1 }, 'FOLD_RULES_CHANGED'],
  ])('with %s stop the partition, and change nothing', (_what, change, code) => {
    const { fold, out } = newFold();
    fold.apply(BARRIER, T0);
    fold.apply(sampleAt(T0, 1), T0);
    const before = takePages(fold.head, fold.tables).get('header');
    const barrier = { ...BARRIER, number: 2, ...change };
    expect(() => fold.apply(barrier, T0 + 60 * SECOND)).toThrow(expect.objectContaining({ code }));
    expect([...takePages(fold.head, fold.tables)]).toEqual([['header', before]]);
    expect(out.address.offset).toBe(1);
  });

  it.each<[string, Partial<BarrierRecord>, string]>([
    ['an unknown fold version', { foldVersion: FOLD_VERSION + 1 }, 'FOLD_VERSION'],
    ['rules nobody can read', { rules: { version: 99 } }, 'RULES_VERSION_UNKNOWN'],
    ['settings that are missing', { settings: {} as FoldSettings }, 'FOLD_SETTINGS'],
    ['more times than have a bit', settings({ rememberedTimesMax: 32 }), 'FOLD_SETTINGS'],
    ['no times', settings({ rememberedTimesMax: 0 }), 'FOLD_SETTINGS'],
    ['no publish interval', settings({ publishUs: 0 }), 'FOLD_SETTINGS'],
    ['a horizon that is NaN', settings({ identityHorizonUs: NaN }), 'FOLD_SETTINGS'],
    ['a width of half a second', { rules: halfSecondRules() }, 'FOLD_SETTINGS'],
  ])('that are the first and bring %s stop the partition', (_what, change, code) => {
    const { fold } = newFold();
    expect(() => fold.apply({ ...BARRIER, ...change }, T0)).toThrow(
      expect.objectContaining({ code, kind: 'permanent' }),
    );
    expect(() => fold.apply(sampleAt(T0, 1), T0)).toThrow(
      expect.objectContaining({ code: 'FOLD_NO_RULES' }),
    );
    expect([fold.head.position, fold.head.partitionTimeUs]).toEqual([0, 0]);
  });
});

describe('a state', () => {
  const pagesOf = (): Map<string, Uint8Array> => {
    const { fold } = newFold();
    fold.apply(BARRIER, T0);
    fold.apply(sampleAt(T0, 1), T0);
    return takePages(fold.head, fold.tables) as Map<string, Uint8Array>;
  };

  it('is refused when any page is missing or cut off', () => {
    expect([...pagesOf().keys()].sort()).toEqual(['d0', 'header', 'p0', 's0']);
    for (const key of pagesOf().keys()) {
      const missing = pagesOf();
      missing.delete(key);
      const cut = pagesOf();
      cut.set(key, cut.get(key)!.subarray(0, -9));
      for (const pages of [missing, cut]) {
        expect(() => loadPages(pages)).toThrow(
          expect.objectContaining({ code: 'STATE_INCOMPLETE', kind: 'permanent' }),
        );
      }
    }
  });

  it('that was folded by another version is refused', () => {
    const { fold, out } = newFold();
    fold.apply(BARRIER, T0);
    const tables = fold.tables!;
    tables.barrier = { ...tables.barrier, foldVersion: FOLD_VERSION + 1 };
    expect(() => new PartitionFold(fold.head, tables, out)).toThrow(
      expect.objectContaining({ code: 'FOLD_VERSION' }),
    );
  });

  it('loads from pages that a store gives as Buffers', () => {
    const pages = new Map([...pagesOf()].map(([key, page]) => [key, Buffer.from(page)]));
    const { tables } = loadPages(pages);
    expect(tables!.series.size).toBe(1);
  });
});

describe('boundaries', () => {
  it('of both intervals are met when neither divides the other', () => {
    const log = logStart(undefined, { publishUs: 7 * SECOND, rollupPublishUs: 60 * SECOND });
    // A minute that begins two seconds before seven seconds do.
    const minute = 1_700_000_160;
    expect([minute % 60, minute % 7]).toEqual([0, 5]);
    const times = [-3, -2, 1, 3].map((seconds) => (minute + seconds) * SECOND);
    for (const [i, timeUs] of times.entries()) {
      log.push({ record: sampleAt(timeUs, i + 1), appendTimeUs: timeUs });
    }
    const { entries } = runFold(log);
    const open = entries.filter(({ type }) => type === EntryType.open);
    expect(open.map(({ address }) => address.offset)).toEqual([4, 4]);
    expect(piecesOf(open).map(({ count }) => count)).toEqual([2, 2]);
    const ledgers = entries.filter(({ type }) => type === EntryType.ledger);
    expect(ledgers.map(({ address }) => address.offset)).toEqual([5]);
    expect((ledgers[0]!.value as LedgerEntry).totals[0]!.accepted).toBe(3);
  });
});

function settings(change: Partial<FoldSettings>): Partial<BarrierRecord> {
  return { settings: { ...DEFAULT_FOLD_SETTINGS, ...change } };
}

function halfSecondRules(): unknown {
  const rules = compileRules(undefined);
  return { ...rules, rules: rules.rules.map((rule) => ({ ...rule, widthsUs: [SECOND / 2] })) };
}

describe('partition time', () => {
  it('never goes back and never runs ahead of arrivals by more than the cap', () => {
    const { fold } = newFold();
    fold.apply(BARRIER, T0);
    const tick = (receivedAtUs: number, appendTimeUs: number): number => {
      fold.apply({ kind: EventsRecordKind.tick, receivedAtUs }, appendTimeUs);
      return (fold.head.partitionTimeUs - T0) / SECOND;
    };
    expect(tick(T0, T0)).toBe(0);
    expect(tick(T0, T0 + 1000 * SECOND)).toBe(300);
    expect(tick(T0 + 2000 * SECOND, T0 + 10 * SECOND)).toBe(300);
    expect(tick(T0 + 2000 * SECOND, T0 + 1000 * SECOND)).toBe(1000);
  });
});
