import { FORGETS_MS, type PlanChanges } from '../sim-plan.ts';

const SECOND_US = 1_000_000;

/** Checkpoints are many, the log forgets what it may, and what it keeps is needed. */
const CHECKPOINTS = {
  activeSeconds: 45,
  checkpoint: {
    ...{ intervalMs: 5000, keptCount: 1, keptBytesMax: 20_000, chunkBytesMax: 8000, damaged: 0 },
  },
  releaseMs: 5000,
  stream: { segmentBytes: 100, retentionMs: FORGETS_MS },
  fates: { loseState: 0.05, rollBackState: 0.05, loseResults: 0.03, makeCheckpoint: 0.1 },
} satisfies PlanChanges;

/** Mixtures in which rare cases are frequent: a mutant is found in few seeds. */
export const Emphasis = {
  /** Records of the same series follow one another, and are folded together. */
  steady: {
    activeSeconds: 120,
    workload: { producers: 1, stepUs: 2 * SECOND_US, steadySeries: 6 },
    senders: { parallelMax: 8, outOfTurn: 0 },
    // Whoever begins anew says all labels again, and records that do are folded alone.
    fates: { receivers: 0 },
  },
  /** Much comes late, out of turn, and again. */
  backlogs: {
    workload: {
      producers: 2,
      stepUs: 2 * SECOND_US,
      offline: 0.1,
      offlineUsMax: 120 * SECOND_US,
      odd: 0.9,
    },
    senders: { parallelMax: 6, outOfTurn: 0.5 },
  },
  /** Producers' clocks are ahead by more than is taken. */
  aheadOfTime: { workload: { producers: 3, skewUsMax: 480 * SECOND_US } },
  changes: { activeSeconds: 90, fates: { change: 0.2 } },
  /** Requests are cut, and sent again. */
  repeats: { receivers: { partBytesMax: 700 }, faults: { lostAnswer: 0.1, late: 0.05 } },
  /** Much fails, from the first request on. */
  failures: { activeSeconds: 30, faults: { fail: 0.4 } },
  appendedTwice: { faults: { twice: 0.2 }, fates: { transformers: 0.3 } },
  fewPieces: { settings: { piecesMax: 3 } },
  lostStates: {
    activeSeconds: 90,
    fates: { transformers: 0.2, writers: 0.3, loseState: 0.05, rollBackState: 0.05 },
  },
  olderLog: { activeSeconds: 30, endsWithOlderLog: true },
  lostResults: { fates: { loseResults: 0.1 } },
  damagedStates: { fates: { damageState: 0.1, transformers: 0.2 } },
  jobs: { fates: { beginJob: 0.5, crashStore: 0 } },
  jobsAndCrashes: { fates: { beginJob: 0.3, crashStore: 0.1 } },
  /** Receivers' clocks are wrong by minutes, and differ. */
  wrongClocks: { skewUsMax: 600 * SECOND_US, fates: { receivers: 0.2 } },
  checkpoints: CHECKPOINTS,
  /** The store lags behind what is folded, and has checkpoints ahead of it. */
  storeBehind: {
    ...CHECKPOINTS,
    fates: { ...CHECKPOINTS.fates, storeAway: 0.15, writers: 0.2 },
    storeAwaySecondsMax: 20,
  },
  rolledBack: { ...CHECKPOINTS, fates: { rollBackState: 0.2, makeCheckpoint: 0.5 } },
  damagedCheckpoints: {
    ...CHECKPOINTS,
    checkpoint: { ...CHECKPOINTS.checkpoint, damaged: 0.1 },
  },
  /** What is sent twice is damaged once. */
  damagedCopies: {
    ...CHECKPOINTS,
    checkpoint: { ...CHECKPOINTS.checkpoint, chunkBytesMax: 100_000, damaged: 0.2 },
    faults: { twice: 0.3, lostAnswer: 0.1 },
  },
  manyMakers: {
    ...CHECKPOINTS,
    checkpoint: { intervalMs: 2000, keptCount: 100, keptBytesMax: 1e9, chunkBytesMax: 3000 },
    isGrouped: false,
    faults: { slow: 0.2 },
  },
  otherLog: { endsWithOtherLog: true },
} satisfies Record<string, PlanChanges>;
