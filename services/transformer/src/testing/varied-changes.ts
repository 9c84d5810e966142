import type { Rule, RuleFile } from '@millrace/rules';
import { FOLD_VERSION, tellsReasons, type BarrierRecord, type FoldSettings } from '@millrace/wire';
import { RuleVersions } from './rule-versions.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

/** What each rule of a file may be; undefined: not there. */
const VARIANTS: readonly (readonly (Rule | undefined)[])[] = [
  [
    {
      name: 'by-job',
      match: '{__name__=~"m.*"}',
      by: ['job'],
      widths: ['10s', '1m'],
      aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'quantile', 'increase'].concat(
        'sum_last',
      ),
    },
    {
      name: 'by-job',
      match: '{__name__=~"m.*"}',
      by: ['job'],
      widths: ['20s', '1h'],
      aggregates: ['count', 'sum', 'distinct'],
    },
    { name: 'by-job', match: 'm2', by: ['job'], widths: ['1m'], aggregates: ['count', 'increase'] },
    undefined,
  ],
  [
    {
      name: 'away',
      match: 'm1',
      without: ['instance'],
      widths: ['1m', '7s'],
      aggregates: ['count', 'sum', 'distinct(instance)', 'increase'],
      keep_raw: false,
    },
    { name: 'away', match: 'm1', without: ['instance'], widths: ['1m'], aggregates: ['sum'] },
    {
      name: 'away',
      match: '{__name__=~"m1|other|ev"}',
      without: ['instance'],
      widths: ['30s'],
      aggregates: ['count', 'sum'],
      keep_raw: false,
    },
    undefined,
  ],
  [
    undefined,
    undefined,
    { name: 'same', match: 'm0', widths: ['2h'], aggregates: ['count', 'last', 'increase'] },
    { name: 'same', match: 'm0', widths: ['10s'], aggregates: ['count', 'last'], keep_raw: false },
  ],
  [
    undefined,
    undefined,
    { name: 'noise', match: '{__name__=~"m3|ev",instance="x"}', drop: true },
    { name: 'noise', match: '{job="b",instance!="x"}', drop: true },
  ],
];

/** Settings that a barrier may change, and what to. */
export const VARIED_SETTINGS: readonly Partial<FoldSettings>[] = [
  { latenessUs: MINUTE, retainUs: 10 * MINUTE, rollupPublishUs: 5 * MINUTE },
  { latenessUs: 5 * MINUTE, publishUs: 3 * SECOND },
  { latenessUs: 10 * SECOND, rollupPublishUs: MINUTE, seriesIdleUs: 5 * MINUTE },
  { retainUs: 0, rollupPublishUs: 120 * MINUTE, publishUs: SECOND, gapsMax: 1 },
  { identityHorizonUs: 40 * SECOND, futureSkewUs: 0, pieceInputsMax: 2, identitiesMax: 6 },
  {
    identityHorizonUs: 30 * MINUTE,
    futureSkewUs: 20 * MINUTE,
    piecesMax: 20,
    definitionsMax: 9,
    labelSetsMax: 9,
  },
  { seriesMax: 8, metadataMax: 2, appendCapUs: SECOND, seriesIdleUs: 60 * MINUTE, gapsMax: 8 },
];

/** Draws from a list; lists below it are the file's rules, in their order. */
export type Pick = <T>(list: readonly T[]) => T;

/** A rule file out of all that the variants, and the fold version, allow. */
export function variedRules(pick: Pick, foldVersion: number = FOLD_VERSION): RuleFile {
  const rules = VARIANTS.flatMap((variants) => pick(variants) ?? []);
  return { rules: rules.filter(({ drop }) => drop !== true || tellsReasons(foldVersion)) };
}

/** What comes next, with its share. */
const WHAT = ['new', 'new', 'new', 'settings', 'beside', 'beside', 'again', 'early'] as const;

/** Barriers as they may stand in a log: mostly new versions, some repeated, lower, or too early. */
export class VariedChanges {
  readonly #versions: RuleVersions;
  readonly #pick: Pick;
  readonly #past: BarrierRecord[];
  readonly #settings: readonly Partial<FoldSettings>[];
  #ahead: BarrierRecord[] = [];
  /** Of the versions to come. */
  foldVersion: number;

  constructor(
    first: BarrierRecord,
    { pick, settings }: Readonly<{ pick: Pick; settings: readonly Partial<FoldSettings>[] }>,
  ) {
    this.#versions = new RuleVersions(first);
    this.#past = [first];
    this.foldVersion = first.foldVersion;
    this.#pick = pick;
    this.#settings = settings;
  }

  next(): BarrierRecord {
    const what = this.#pick(WHAT);
    if (what === 'again') return this.#pick(this.#past);
    if (what === 'early') {
      // The one it follows is missing still: it comes next.
      this.#ahead = [this.#change('new'), this.#change('new')];
      return this.#ahead[1]!;
    }
    const barrier = this.#ahead.shift() ?? this.#change(what);
    this.#past.push(barrier);
    return barrier;
  }

  #change(what: 'new' | 'settings' | 'beside'): BarrierRecord {
    if (what === 'beside') return this.#changeCandidates();
    const settings = what === 'settings' ? this.#pick(this.#settings) : {};
    const { foldVersion } = this;
    return this.#versions.next(variedRules(this.#pick, foldVersion), settings, foldVersion);
  }

  /** There are none, then there is one, then it changes places, most often back again, and ends. */
  #changeCandidates(): BarrierRecord {
    const [candidate] = this.#versions.candidates;
    if (candidate === undefined) {
      return this.#versions.beginCandidate(variedRules(this.#pick, this.foldVersion));
    }
    const isDropped = this.#pick([false, false, true]);
    return isDropped ? this.#versions.drop(candidate) : this.#versions.promote(candidate);
  }
}
