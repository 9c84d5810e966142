import { SampleKind } from '@millrace/model';
import type { RuleFile } from '@millrace/rules';
import {
  EventsRecordKind,
  FOLD_VERSION,
  REDRIVE_PROTOCOL,
  type BarrierRecord,
  type DataRecord,
  type FoldSettings,
  type IdentityKindName,
} from '@millrace/wire';
import { dataRecord, type TestPart, type TestSample } from './data-record.ts';
import { logStart, type LoggedRecord } from './fold-run.ts';
import { VARIED_SETTINGS, VariedChanges } from './varied-changes.ts';

const SECOND = 1_000_000;
const T0 = 1_700_000_000 * SECOND;

/** Rules that ask for everything, in widths that do not divide one another. */
export const VARIED_RULES = {
  rules: [
    {
      name: 'by-job',
      match: '{__name__=~"m.*"}',
      by: ['job'],
      widths: ['10s', '1m'],
      aggregates: ['count', 'sum', 'min', 'max', 'first', 'last', 'quantile', 'distinct'].concat(
        'sum_last',
        'increase',
      ),
    },
    {
      name: 'away',
      match: 'm1',
      without: ['instance'],
      widths: ['1m', '7s'],
      aggregates: ['count', 'sum', 'distinct(instance)', 'increase'],
      keep_raw: false,
    },
  ],
} as unknown as RuleFile;

/** Bounds and horizons that are reached all the time. */
export const TIGHT_SETTINGS: Partial<FoldSettings> = {
  piecesMax: 30,
  seriesMax: 12,
  identitiesMax: 8,
  definitionsMax: 20,
  labelSetsMax: 20,
  metadataMax: 3,
  pieceInputsMax: 3,
  gapsMax: 2,
  rememberedTimesMax: 5,
  seriesIdleUs: 120 * SECOND,
  identityHorizonUs: 90 * SECOND,
};

const KINDS: Record<string, SampleKind> = {
  m0: SampleKind.gauge,
  m1: SampleKind.cumulative,
  m2: SampleKind.unknown,
  m3: SampleKind.delta,
  other: SampleKind.gauge,
  ev: SampleKind.event,
};

/** Numbers in [0, 1) that follow from a seed. */
export function randomOf(seed: number): () => number {
  let state = (seed * 0x9e3779b1 + 0x7f4a7c15) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export interface VariedLogParams {
  records: number;
  settings?: Partial<FoldSettings>;
  /** Share of records that are barriers; a few hours pass between some of them. */
  changes?: number;
  /** Share of records that the log loses, although they were acknowledged. */
  losses?: number;
  /** Share of records with dead letters that are sent again. */
  redriven?: number;
  /** Share of samples that are up to ten minutes old. */
  late?: number;
  /** The first half is folded by this version of before. */
  upgradedFrom?: number;
  /** The newest unless it says so. */
  foldVersion?: number;
}

/** Numbers the records of receivers that hear of each one before they send the next. */
class VariedReceivers {
  readonly #known = new Map<string, { sequence: number; samples: number; from: number }>();

  /** `offset`: where it lies, or would if it were not lost. */
  number(record: DataRecord, offset: number): void {
    const known = this.#known.get(record.receiver) ?? { sequence: -1, samples: 0, from: -1 };
    this.#known.set(record.receiver, known);
    record.acknowledgedSamples = known.samples;
    record.acknowledgedFrom = known.from;
    if (known.sequence === record.sequence) return;
    known.sequence = record.sequence;
    known.samples += record.values.length;
    if (known.from < 0) known.from = offset;
    record.cumulativeSamples = known.samples;
  }
}

/**
 * A log with everything in it: all kinds, repeats, conflicts, late, untimed and unverified
 * samples, stale markers, histograms, ids, refused ordinals, several tenants and receivers.
 */
export function variedLog(seed: number, params: Readonly<VariedLogParams>): LoggedRecord[] {
  const random = randomOf(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const { upgradedFrom, foldVersion = FOLD_VERSION, late = 0.1 } = params;
  const log = logStart(VARIED_RULES, params.settings, upgradedFrom ?? foldVersion);
  const changes = new VariedChanges(log[1]!.record as BarrierRecord, {
    pick,
    settings: VARIED_SETTINGS,
  });
  const receivers = new VariedReceivers();
  let nowUs = T0;
  let sequence = 0;

  const sample = (): TestSample => {
    const metric = pick(Object.keys(KINDS));
    const backUs = below(random() < late ? 600 : 40) * SECOND;
    const aheadUs = random() < 0.05 ? below(250) * SECOND : 0;
    const timeUs = Math.floor(nowUs / SECOND) * SECOND - backUs + aheadUs;
    const special = random() < 0.05 ? pick([NaN, Infinity, -Infinity, -0, 0.1]) : undefined;
    const labels = { __name__: metric, job: pick(['a', 'b']), instance: pick(['x', 'y', 'z']) };
    const kind = KINDS[metric]!;
    const made: TestSample = { labels, kind, timeUs, value: special ?? below(500) };
    if (random() < 0.05) Object.assign(made, { stale: true, value: NaN });
    if (random() < 0.08) Object.assign(made, { untimed: true, timeUs: nowUs });
    if (random() < 0.05) made.histogram = Uint8Array.of(1, below(3));
    if (kind === SampleKind.event && random() < 0.5) made.id = `id${below(60)}`;
    if (kind === SampleKind.cumulative && random() < 0.3) made.startUs = timeUs - below(100);
    return made;
  };

  const part = (): TestPart => {
    sequence += random() < 0.05 ? 0 : 1;
    const kind = pick<IdentityKindName>(['none', 'none', 'key', 'digest']);
    return {
      samples: Array.from({ length: 1 + below(12) }, sample),
      receivedAtUs: nowUs,
      sequence,
      receiver: pick(['00000000000000aa', '00000000000000bb']),
      tenant: pick(['default', 'default', 'other']),
      identity: { kind, key: `k${below(60)}`, part: below(2) },
      refused: random() < 0.2 ? [below(3), 3 + below(4)] : [],
    };
  };

  for (let i = 0; i < params.records; i += 1) {
    const isUpgrade = upgradedFrom !== undefined && i === params.records >>> 1;
    if (isUpgrade) changes.foldVersion = foldVersion;
    nowUs += below(3) === 0 ? below(60 * SECOND) : below(SECOND);
    if (params.changes !== undefined && random() < 0.03) nowUs += below(5 * 3600) * SECOND;
    const appendTimeUs = nowUs + below(2 * SECOND) - SECOND;
    if (params.changes !== undefined && random() < params.changes) {
      log.push({ record: changes.next(), appendTimeUs });
      continue;
    }
    if (random() < 0.1) {
      log.push({ record: { kind: EventsRecordKind.tick, receivedAtUs: nowUs }, appendTimeUs });
      continue;
    }
    const isRedriven = params.redriven !== undefined && random() < params.redriven;
    const record = dataRecord({ ...part(), ...(isRedriven ? { protocol: REDRIVE_PROTOCOL } : {}) });
    if (params.losses !== undefined) {
      receivers.number(record, log.length);
      if (random() < params.losses) continue;
    }
    if (random() < 0.2) {
      const metadata = { metric: `m${below(5)}`, type: 'gauge', help: `h${below(3)}`, unit: '' };
      record.metadata.push(metadata);
      record.exemplars.push({ seriesIndex: 0, timeUs: nowUs, value: 3, labels: [['a', 'b']] });
    }
    log.push({ record, appendTimeUs });
  }
  return log;
}
