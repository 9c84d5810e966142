import { SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import { EntryType, type BarrierRecord, type FoldSettings } from '@millrace/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import { entryTexts, logStart, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { RuleVersions } from '../testing/rule-versions.ts';
import { VARIED_RULES } from '../testing/varied-log.ts';
import { takePages } from './partition-state.ts';
import { QuickFold } from './quick-fold.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;
const SERIES = 80;
const KINDS = [SampleKind.gauge, SampleKind.cumulative, SampleKind.unknown, SampleKind.delta];
/** An ordinal that no sample has: records that refuse any are folded sample by sample. */
const FAR = 100_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Those of one job are rolled up and nothing else. */
const RULES_OF_SOME = {
  rules: VARIED_RULES.rules!.map((rule) => ({ ...rule, match: '{job="b"}' })),
} as RuleFile;

/** Without sketches: several series into one, some not kept raw, and widths of all kinds. */
const PLAIN_RULES = {
  rules: [
    {
      ...{ name: 'by-job', match: '{__name__=~"m.*"}', by: ['job'], widths: ['10s', '1m'] },
      aggregates: ['sum', 'min', 'max', 'first', 'last', 'increase'],
    },
    {
      ...{ name: 'away', match: 'm1', without: ['instance'], widths: ['7s', '10m'] },
      ...{ aggregates: ['count', 'sum', 'rate'], keep_raw: false },
    },
  ],
} as RuleFile;

/** As many outputs as inputs: within an hour it is some output's turn to be defined again. */
const EACH_RULES = {
  rules: [{ name: 'each', match: '{}', by: ['instance'], widths: ['30m'], aggregates: ['sum'] }],
} as RuleFile;

/** As jobs fold: the rules in force drop everything, and those of a candidate stand beside. */
const NO_RULES = { rules: [{ name: 'none', match: '{}', drop: true }] } as RuleFile;

/** Reached now and then: what is always forgotten is never usual. */
const BOUNDS: Partial<FoldSettings> = {
  ...{ piecesMax: 190, seriesMax: 104, definitionsMax: 130, labelSetsMax: 130 },
  ...{ gapsMax: 2, rememberedTimesMax: 5, seriesIdleUs: 120 * SECOND },
};

interface Shape {
  rules?: RuleFile;
  settings?: Partial<FoldSettings>;
  /** Comes into force in the middle. */
  next?: RuleFile;
  /** Of all samples: as when a backlog is drained. */
  behindUs?: number;
  /** Is folded beside, from near the beginning on. */
  candidate?: RuleFile;
  seeds?: readonly number[];
  /** From one scrape to the next. */
  stepUs?: number;
}

/** Scrapes of the same series again and again, some of whose samples are unusual. */
function scrapes(seed: number, params: Readonly<Shape & { refused: number[] }>): LoggedRecord[] {
  let state = (seed * 0x9e3779b1) >>> 0 || 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const log = logStart(params.rules, params.settings);
  const versions = new RuleVersions(log[1]!.record as BarrierRecord);
  const { next, candidate, stepUs = SECOND } = params;
  let nowUs = T0;
  for (let sequence = 1; sequence <= 120; sequence += 1) {
    if (sequence === 5 && candidate !== undefined) {
      log.push({ record: versions.beginCandidate(candidate), appendTimeUs: nowUs });
    }
    if (sequence === 60 && next !== undefined) {
      log.push({ record: versions.next(next), appendTimeUs: nowUs });
    }
    nowUs += random() < 0.02 ? 400 * SECOND : stepUs;
    const lateUs = (random() < 0.05 ? 500 * SECOND : 0) + (params.behindUs ?? 0);
    const from = random() < 0.3 ? Math.floor(random() * SERIES) : 0;
    const samples: TestSample[] = [];
    for (let s = from; s < SERIES; s += 1) {
      const dice = random();
      if (dice < 0.02) continue;
      const offUs = dice < 0.04 ? -Math.floor(random() * 40) * SECOND : 0;
      const value = dice > 0.98 ? NaN : dice > 0.96 ? -0 : Math.floor(random() * 1000) / 10;
      const isEvent = dice > 0.94 && dice < 0.96;
      const isNew = dice > 0.93 && dice < 0.94;
      const instance = isNew ? `n${sequence}-${s}` : `${isEvent ? 'e' : 'i'}${s}`;
      const labels = { __name__: `m${s % 3}`, job: s % 2 === 0 ? 'a' : 'b', instance };
      const kind = isEvent ? SampleKind.event : KINDS[s % KINDS.length]!;
      samples.push({ labels, kind, timeUs: nowUs - lateUs + offUs, value });
      // The same series in one record twice, as another kind.
      if (dice > 0.9 && dice < 0.9005) {
        samples.push({ ...samples.at(-1)!, kind: SampleKind.gauge, value: 7 });
      }
    }
    const { refused } = params;
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence, refused });
    log.push({ record, appendTimeUs: nowUs });
  }
  return log;
}

function fold(log: readonly LoggedRecord[], restartAfter?: (offset: number) => boolean) {
  const quick = vi.spyOn(QuickFold.prototype, 'fold');
  const run = runFold(log, restartAfter === undefined ? {} : { restartAfter });
  const { calls, results } = quick.mock;
  const quickly = calls.reduce((sum, [, from], i) => sum + (results[i]!.value as number) - from, 0);
  quick.mockRestore();
  return { ...run, quickly, late: run.fold.counts.late };
}

function stateOf({ fold: { head, tables } }: ReturnType<typeof fold>): [string, string][] {
  const pages = [...takePages(head, tables)].filter(([, page]) => page !== undefined);
  return pages.map(([key, page]) => [key, Buffer.from(page!).toString('base64')]);
}

describe.each<[what: string, shape: Readonly<Shape>]>([
  ['the roll-up alone', { seeds: [1, 2] }],
  ['the roll-up, and few times remembered', { settings: { rememberedTimesMax: 3 } }],
  ['rules for some', { rules: RULES_OF_SOME }],
  ['windows that are over', { behindUs: 3 * 3600 * SECOND }],
  ['bounds', { settings: BOUNDS, seeds: [1, 2] }],
  ['rules that change', { settings: { rememberedTimesMax: 3 }, next: RULES_OF_SOME }],
  ['rules for some, and bounds', { rules: RULES_OF_SOME, settings: BOUNDS }],
  ['rules that aggregate', { rules: PLAIN_RULES, seeds: [1, 2] }],
  ['rules that aggregate, and bounds', { rules: PLAIN_RULES, settings: BOUNDS }],
  ['rules that aggregate, and others', { rules: PLAIN_RULES, next: RULES_OF_SOME }],
  ['rules that come to aggregate, with a candidate', { next: PLAIN_RULES, candidate: PLAIN_RULES }],
  ['a candidate beside', { candidate: PLAIN_RULES }],
  ['a candidate alone', { rules: NO_RULES, candidate: PLAIN_RULES, seeds: [1, 2] }],
  ['an output each', { rules: EACH_RULES, stepUs: 30 * SECOND }],
  ['an output each, beside', { rules: NO_RULES, candidate: EACH_RULES, stepUs: 30 * SECOND }],
  ['a candidate alone, and bounds', { rules: NO_RULES, candidate: PLAIN_RULES, settings: BOUNDS }],
])('the quick way, under %s', (_what, shape) => {
  it('puts out what folding sample by sample puts out, and leaves the same state', () => {
    for (const seed of shape.seeds ?? [1]) {
      const quick = fold(scrapes(seed, { ...shape, refused: [] }));
      const slow = fold(scrapes(seed, { ...shape, refused: [FAR] }));
      expect(slow.quickly).toBe(0);
      expect(quick.quickly).toBeGreaterThan(300);
      expect(entryTexts(quick.entries)).toEqual(entryTexts(slow.entries));
      expect(stateOf(quick)).toEqual(stateOf(slow));
      expect(quick.late).toBe(slow.late);
    }
  });

  it('puts out the same after a restart, when nothing is guessed', () => {
    const log = scrapes(4, { ...shape, refused: [] });
    const restarted = fold(log, (offset) => offset % 7 === 3);
    expect(entryTexts(restarted.entries)).toEqual(entryTexts(fold(log).entries));
  });
});

it('takes many samples of unusual scrapes the quick way', () => {
  const { quickly, entries } = fold(scrapes(5, { refused: [] }));
  const samples = entries.filter(({ type }) => type === EntryType.sample).length;
  expect(quickly).toBeGreaterThan(samples / 3);
});
