import { setTimeout as sleep } from 'node:timers/promises';
import type { StageName } from '../services/stage-processes.ts';
import type { Random } from '../sim/random.ts';
import {
  brokersKilled,
  brokerSuspended,
  CONTROLLER_KILLED,
  databaseCut,
  databaseCutAt,
  DATABASE_KILLED,
  RECEIVER_KILLED_BEFORE_ANSWER,
  REDIS_FLUSHED,
  redisKilled,
  REPLICA_PROMOTED,
  stageJoins,
  stageKilled,
  stageStopped,
  stageSuspended,
  type ClusterFault,
} from './cluster-faults.ts';
import { SOAK_BROKERS, SOAK_STAGES, type SoakCluster } from './soak-cluster.ts';
import type { FaultKind } from './survived-faults.ts';

/** Something that happens under load, with everything about it drawn. */
export interface DrawnFault {
  /** `after 1.2 s for 3.4 s: transformer 1: kill -9, and another one started`. */
  readonly name: string;
  readonly kind: FaultKind;
  /** What it happens to: two at once may not happen to the same. */
  readonly target: string;
  readonly stopsLog: boolean;
  readonly stopsReceiver: boolean;
  act(cluster: SoakCluster): Promise<void>;
}

type Draw = (random: Random) => ClusterFault;

const BEGIN_MS_MAX = 6000;
const CUTS_MAX = 20;
const CUTS = ['in COPY', 'before COMMIT', 'before the answer to COMMIT'] as const;
const STAGES = Object.keys(SOAK_STAGES) as StageName[];
const SHARING: readonly StageName[] = ['transformer', 'writer'];
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** By weight. */
const FAULTS: readonly (readonly [weight: number, draw: Draw])[] = [
  [5, (random) => stageKilled(...drawProcess(random))],
  [3, (random) => stageSuspended(...drawProcess(random), random.chance(0.7))],
  [2, (random) => stageJoins(random.pick(SHARING))],
  [2, (random) => stageStopped(...drawProcess(random))],
  [2, () => RECEIVER_KILLED_BEFORE_ANSWER],
  [3, (random) => brokersKilled([random.int(SOAK_BROKERS)])],
  [2, () => CONTROLLER_KILLED],
  [1, (random) => brokerSuspended(random.int(SOAK_BROKERS))],
  [
    2,
    (random) => {
      const stays = random.int(SOAK_BROKERS);
      return brokersKilled(Array.from(Array(SOAK_BROKERS).keys()).filter((i) => i !== stays));
    },
  ],
  [3, (random) => redisKilled(random.chance(0.5) ? 'kept' : 'none')],
  [2, () => REDIS_FLUSHED],
  [2, () => REPLICA_PROMOTED],
  [3, () => DATABASE_KILLED],
  [2, (random) => databaseCut(1 + random.int(CUTS_MAX))],
  [2, (random) => databaseCutAt(random.pick(CUTS))],
];

/**
 * One to three faults of one round, to different things, beginning at different times.
 * `awayMsMax`: how long something is away at most.
 */
export function drawFaults(random: Random, awayMsMax: number): DrawnFault[] {
  const wanted = 1 + random.int(3);
  const drawn: DrawnFault[] = [];
  while (drawn.length < wanted) {
    const fault = drawFault(random, awayMsMax);
    if (drawn.every(({ target }) => target !== fault.target)) drawn.push(fault);
  }
  return drawn;
}

function drawFault(random: Random, awayMsMax: number): DrawnFault {
  let left = random.next() * FAULTS.reduce((sum, [weight]) => sum + weight, 0);
  const [, draw] = FAULTS.find(([weight]) => (left -= weight) < 0) ?? FAULTS.at(-1)!;
  const beginMs = random.int(BEGIN_MS_MAX);
  // Short ones as often as long ones.
  const awayMs = 200 * (awayMsMax / 200) ** random.next();
  const { kind, target, stopsLog = false, stopsReceiver = false, act } = draw(random);
  return {
    ...{ kind, target, stopsLog, stopsReceiver },
    name: `after ${seconds(beginMs)} for ${seconds(awayMs)}: ${target}: ${kind.how}`,
    act: async (cluster) => {
      await sleep(beginMs);
      await act(cluster, awayMs);
    },
  };
}

function drawProcess(random: Random): [stage: StageName, index: number] {
  const stage = random.pick(STAGES);
  return [stage, random.int(SOAK_STAGES[stage])];
}
