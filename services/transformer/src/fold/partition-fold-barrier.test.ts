import { compileRules, type CompiledRules, type RuleFile } from '@millrace/rules';
import type { MillraceError } from '@millrace/runtime';
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
import { RuleVersions } from '../testing/rule-versions.ts';
import { VARIED_RULES } from '../testing/varied-log.ts';
import { FOLD_VERSION, PartitionFold } from './partition-fold.ts';
import { loadPages, newPartitionHead, takePages } from './partition-state.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;

const BARRIER = logStart(VARIED_RULES)[1]!.record as BarrierRecord;
const NONE: RuleFile = { rules: [] };
const AWAY: RuleFile = {
  rules: [{ name: 'away', match: 'm0', widths: ['10s'], aggregates: ['sum'], keep_raw: false }],
};

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
  it('that repeat, come late, or skip what they follow are ignored, and counted', () => {
    const { fold, out } = newFold();
    const versions = new RuleVersions(BARRIER);
    const [second, third, fourth] = [versions.next(AWAY), versions.next(NONE), versions.next(AWAY)];
    const inForce = (...barriers: BarrierRecord[]): number[] =>
      barriers.map((barrier) => {
        fold.apply(barrier, T0);
        return fold.tables!.barrier.number;
      });
    // The first one must be able to begin a log.
    fold.apply(second, T0);
    expect([fold.tables, out.address]).toEqual([undefined, { offset: 0, ordinal: 0 }]);
    expect(inForce(BARRIER, BARRIER)).toEqual([BARRIER.number, BARRIER.number]);
    expect(out.address).toEqual({ offset: 2, ordinal: 0 });
    expect(inForce(third, second, fourth, BARRIER, second)).toEqual(
      [BARRIER, second, second, second, second].map(({ number }) => number),
    );
    expect(inForce(third, fourth, third)).toEqual([third, fourth, fourth].map((b) => b.number));
    expect(fold.counts.ignoredBarriers).toBe(7);
  });

  it('under another number may bring what is in force: then nothing begins or ends', () => {
    const { fold, out } = newFold();
    fold.apply(BARRIER, T0);
    const { settings } = fold.tables!;
    fold.apply({ ...BARRIER, number: 7, after: 1 }, T0);
    expect(fold.tables!.barrier.number).toBe(7);
    expect(out.address).toEqual({ offset: 1, ordinal: 0 });
    expect(fold.tables!.settings).toEqual(settings);
    expect(fold.tables!.editions.generations).toEqual([]);
  });

  it.each<[string, () => Partial<BarrierRecord>, string]>([
    ['an unknown fold version', () => ({ foldVersion: FOLD_VERSION + 1 }), 'FOLD_VERSION'],
    ['a fold version of before', () => ({ foldVersion: 0 }), 'FOLD_VERSION'],
    ['rules nobody can read', () => ({ rules: { version: 99 } }), 'RULES_VERSION_UNKNOWN'],
    ['settings that are missing', () => ({ settings: {} as FoldSettings }), 'FOLD_SETTINGS'],
    ['other tables', () => settings({ rememberedTimesMax: 17 }), 'FOLD_SETTINGS'],
    ['another meaning of an edition', () => ({ rules: compileRules(AWAY) }), 'FOLD_EDITION_REUSED'],
    ['a roll-up that takes others', () => ({ rules: onlyRollup() }), 'FOLD_EDITION_REUSED'],
    ['an edition that was retired', () => ({ rules: BARRIER.rules }), 'FOLD_EDITION_REUSED'],
  ])('that bring %s stop the partition, and change nothing', (_what, change, code) => {
    const { fold, out } = newFold();
    const second = new RuleVersions(BARRIER).next({ rules: VARIED_RULES.rules.slice(1) });
    fold.apply(BARRIER, T0);
    fold.apply(sampleAt(T0, 1), T0);
    fold.apply(second, T0);
    const before = [...takePages(fold.head, fold.tables)];
    const address = { ...out.address };
    const barrier = { ...second, number: second.number + 1, ...change() };
    expect(() => fold.apply(barrier, T0 + 60 * SECOND)).toThrow(
      expect.objectContaining({ code, kind: 'permanent', remedy: expect.any(String) }),
    );
    expect(takePages(fold.head, fold.tables).get('header')).toEqual(new Map(before).get('header'));
    expect(out.address).toEqual(address);
  });

  it('tell which release has the fold version', () => {
    const remedy = (foldVersion: number): string => {
      try {
        newFold().fold.apply({ ...BARRIER, foldVersion }, T0);
      } catch (error) {
        return (error as MillraceError).remedy ?? '';
      }
      return '';
    };
    expect(remedy(FOLD_VERSION + 1)).toMatch(/has fold version 4: a newer one/);
    expect(remedy(0)).toMatch(/has fold version 0: an older one/);
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
    expect([...pagesOf().keys()].sort()).toEqual(['d0', 'header', 'l0', 'p0', 's0']);
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

/** The roll-up under the number it had, without the rule that kept series from it. */
function onlyRollup(): CompiledRules {
  const { version, rules } = BARRIER.rules as CompiledRules;
  return { version, rules: rules.slice(0, 1) };
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
