import type { PlanChanges } from '../sim-plan.ts';

const SECOND_US = 1_000_000;

/** Mixtures in which rare cases are frequent: a mutant is found in few seeds. */
export const Emphasis = {
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
  appendedTwice: { faults: { twice: 0.2 }, fates: { transformers: 0.3 } },
  fewPieces: { settings: { piecesMax: 3 } },
  lostStates: {
    activeSeconds: 90,
    fates: { transformers: 0.2, writers: 0.3, loseState: 0.05, rollBackState: 0.05 },
  },
  damagedStates: { fates: { damageState: 0.1, transformers: 0.2 } },
  jobs: { fates: { beginJob: 0.5, crashStore: 0 } },
  /** Receivers' clocks are wrong by minutes, and differ. */
  wrongClocks: { skewUsMax: 600 * SECOND_US, fates: { receivers: 0.2 } },
  otherLog: { endsWithOtherLog: true },
} satisfies Record<string, PlanChanges>;
