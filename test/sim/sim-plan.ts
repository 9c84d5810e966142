import {
  CHUNK_BYTES_MAX,
  DEFAULT_CHECKPOINT_SETTINGS,
  type CheckpointSection,
} from '@millrace/checkpoint';
import type { StreamSettings } from '@millrace/stream';
import { FOLD_VERSIONS } from '@millrace/transformer/testing';
import type { FoldSettings } from '@millrace/wire';
import type { FaultRates } from './faults.ts';
import { Random } from './random.ts';
import type { ReceiverPlan } from './receiver-pool.ts';
import type { SendersPlan } from './senders.ts';
import type { WorkloadPlan } from './workload.ts';

export const SIM_PARTITIONS = 2;
const NEWEST = FOLD_VERSIONS.at(-1)!;
/** The one that is poisoned, if any. */
export const POISONED_PARTITION = 1;

/** How long a log that forgets keeps what nobody needs. */
export const FORGETS_MS = 10_000;

/** What may happen to the world, as shares of its seconds. */
export interface FateRates {
  transformers: number;
  writers: number;
  receivers: number;
  /** A partition's state is gone, or what it was a while ago. */
  loseState: number;
  rollBackState: number;
  /** A page of it vanishes; a person removes the rest, as the error says. */
  damageState: number;
  /** The log's clock jumps: another leader has another one. */
  moveLogClock: number;
  /** Rules, and now and then settings, change. */
  change: number;
  storeAway: number;
  /** `metrics.series` of a partition is gone; a person has it made again. */
  loseResults: number;
  /** A person makes a checkpoint beside everybody else. */
  makeCheckpoint: number;
  /** The database comes back with what it had flushed. */
  crashStore: number;
  /** A person puts an older dump of it back; only beside a log that forgets nothing. */
  restoreStore: number;
  beginJob: number;
  /** Everything stands still, and time goes on. */
  suspend: number;
}

/** How checkpoints are made, and which are kept. */
export interface CheckpointPlan extends CheckpointSection {
  /** Small, so that a maker can die between two chunks, and two makers meet. */
  chunkBytesMax: number;
  /** Share of their records that are damaged on their way into the log. */
  damaged: number;
}

/** All that a seed decides before a run begins. */
export interface SimPlan {
  seed: number;
  activeSeconds: number;
  faults: FaultRates;
  fates: FateRates;
  workload: WorkloadPlan;
  senders: SendersPlan;
  receivers: ReceiverPlan;
  /** Whether a group says who owns what; else everybody owns everything. */
  isGrouped: boolean;
  processesMax: number;
  tickMs: number;
  checkpoint: CheckpointPlan;
  /** How often the store is flushed and the log told what it may forget. */
  releaseMs: number;
  /** Whether the log forgets what is stored for good, and how soon. */
  stream: Partial<StreamSettings>;
  settings: Partial<FoldSettings>;
  foldVersion: number;
  /** By how much any process' clock may be wrong, either way. */
  skewUsMax: number;
  storeAwaySecondsMax: number;
  suspendSecondsMax: number;
  /**
   * Whether all is folded again in the end, and whether another log, or an older copy of the same
   * one, is put in its place.
   */
  endsWithReplay: boolean;
  endsWithOtherLog: boolean;
  endsWithOlderLog: boolean;
  /** A record that no receiver would write, put into a partition in the middle of the run. */
  poison?: Uint8Array;
}

/** What a test wants to be otherwise than the seed decides. */
export type PlanChanges = { [Name in keyof SimPlan]?: Partial<SimPlan[Name]> };

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;

/** Bounds whose reaching costs nothing but repeated definitions and more pieces. */
const RATES = [0, 0.3, 1, 2];
const TIGHT_BOUNDS: Partial<FoldSettings> = { definitionsMax: 7, labelSetsMax: 7, metadataMax: 1 };

/** Most runs are short, some are long, and each has its own mixture of what goes wrong. */
export function planRun(seed: number): SimPlan {
  const random = new Random(seed);
  const weight = random.next();
  const isLong = weight > 0.9;
  const activeSeconds = 30 + random.int(60) + (isLong ? 120 : 0);
  // Some worlds are calm: what is rare must not always drown in what is not.
  const some = (rate: number): number => random.pick(RATES) * rate;
  const late = some(0.02);
  const crashStore = some(0.01);
  const plan: SimPlan = {
    seed,
    activeSeconds,
    faults: {
      fail: some(0.03),
      lostAnswer: some(0.03),
      twice: some(0.02),
      late,
      lateMsMax: 60_000,
      slow: some(0.1),
      slowMsMax: random.pick([500, 3000, 20_000]),
      crash: some(0.002),
    },
    fates: {
      transformers: some(0.1),
      writers: some(0.1),
      receivers: some(0.05),
      loseState: some(0.01),
      rollBackState: some(0.01),
      damageState: some(0.005),
      crashStore,
      restoreStore: 0,
      // Drawn apart where there were no jobs once: all else of those seeds is what it was.
      beginJob: crashStore > 0 ? new Random(seed ^ 0x10b).pick(RATES) * 0.02 : some(0.02),
      moveLogClock: some(0.03),
      change: some(0.04),
      storeAway: some(isLong ? 0.02 : 0.005),
      loseResults: some(0.007),
      makeCheckpoint: some(0.03),
      suspend: some(0.01),
    },
    workload: {
      producers: 1 + random.int(3),
      stepUs: random.pick([2, 5, 10]) * SECOND_US,
      offline: some(0.03),
      offlineUsMax: random.pick([30, 120]) * SECOND_US,
      odd: random.pick([0, 0.2, 0.5]),
      skewUsMax: random.pick([SECOND_US, 4 * MINUTE_US, 8 * MINUTE_US]),
      // Drawn apart: it came later than the seeds, of which those that are kept have none.
      steadySeries: new Random(seed ^ 0xf3a).chance(0.25) ? 6 : 0,
    },
    senders: {
      parallelMax: 1 + random.int(12),
      outOfTurn: random.pick([0, 0.1, 0.5]),
      timeoutMs: 5000,
      retryMsMax: 3000,
    },
    receivers: {
      partBytesMax: random.pick([700, 1500, 100_000]),
      appendTimeoutMs: random.pick([2000, 30_000]),
      futureSkewMs: 5 * 60_000,
      definitionsBetweenMax: seed % 3 === 0 ? 3 : 1000,
    },
    isGrouped: random.chance(0.6),
    processesMax: 2 + random.int(2),
    tickMs: random.pick([1000, 1000, 5000]),
    checkpoint: {
      intervalMs: random.pick([2000, 15_000, 15_000, 3_600_000]),
      keptCount: random.pick([1, 3]),
      keptBytesMax: random.pick([20_000, DEFAULT_CHECKPOINT_SETTINGS.keptBytesMax]),
      chunkBytesMax: random.pick([1500, 8000, CHUNK_BYTES_MAX]),
      damaged: random.pick([0, 0, 0.01, 0.1]),
    },
    releaseMs: random.pick([5000, 20_000]),
    stream: random.chance(0.6)
      ? { segmentBytes: random.pick([100, 1500]), retentionMs: FORGETS_MS }
      : {},
    settings: random.chance(0.4) ? { ...TIGHT_BOUNDS, piecesMax: random.pick([3, 40]) } : {},
    // Mostly the one that new logs have.
    foldVersion: random.pick([...FOLD_VERSIONS, NEWEST, NEWEST, NEWEST]),
    skewUsMax: random.pick([0, 0, 2 * SECOND_US, 10 * MINUTE_US]),
    storeAwaySecondsMax: isLong ? 3600 : 60,
    suspendSecondsMax: random.pick([60, 1200]),
    endsWithReplay: seed % 4 === 1,
    endsWithOtherLog: seed % 4 === 3,
    endsWithOlderLog: seed % 4 === 2,
  };
  // Drawn apart: it came later than the seeds.
  const restoreStore = new Random(seed ^ 0xd0b).pick(RATES) * 0.01;
  if (plan.stream.segmentBytes === undefined) plan.fates.restoreStore = restoreStore;
  // Receivers must not count on more labels being remembered than are.
  if (plan.settings.labelSetsMax !== undefined) plan.receivers.definitionsBetweenMax = 0;
  return plan;
}

/** The plan with changes, one level deep. */
export function changedPlan(plan: SimPlan, changes: PlanChanges): SimPlan {
  const changed = Object.entries(changes).map(([name, change]) => {
    const before: unknown = plan[name as keyof SimPlan];
    const isDeep = Object.getPrototypeOf(Object(change)) === Object.prototype;
    return [name, isDeep ? { ...Object(before), ...Object(change) } : change];
  });
  return { ...plan, ...(Object.fromEntries(changed) as Partial<SimPlan>) };
}
