import { setTimeout as sleep } from 'node:timers/promises';
import type { StageName } from '../services/stage-processes.ts';
import type { Random } from '../sim/random.ts';
import { SESSION_MS, SOAK_BROKERS, SOAK_STAGES, type SoakCluster } from './soak-cluster.ts';

/** Something that happens under load, with everything about it drawn. */
export interface DrawnFault {
  /** `after 1.2 s: kill -9 of transformer 1, back after 3.4 s`. */
  readonly name: string;
  /** What it happens to: two at once may not happen to the same. */
  readonly target: string;
  /** Senders may be put off while it lasts. */
  readonly stopsLog: boolean;
  /** Senders may get no answer while it lasts. */
  readonly stopsReceiver: boolean;
  act(cluster: SoakCluster): Promise<void>;
}

type Drawn = Pick<DrawnFault, 'name' | 'target' | 'act'> & Partial<DrawnFault>;
type Draw = (random: Random, awayMs: number) => Drawn;

const BEGIN_MS_MAX = 6000;
const CUTS_MAX = 20;
const STAGES = Object.keys(SOAK_STAGES) as StageName[];
const SHARING: readonly StageName[] = ['transformer', 'writer'];
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** By weight. */
const FAULTS: readonly (readonly [weight: number, draw: Draw])[] = [
  [
    5,
    (random, awayMs) => {
      const { stage, index, target } = drawProcess(random, STAGES);
      return {
        name: `kill -9 of ${target}, back after ${seconds(awayMs)}`,
        target,
        stopsReceiver: stage === 'receiver',
        act: (cluster) => cluster.kill(stage, index, () => sleep(awayMs)),
      };
    },
  ],
  [
    3,
    (random, awayMs) => {
      const { stage, index, target } = drawProcess(random, STAGES);
      const forMs = awayMs + (random.chance(0.7) ? SESSION_MS : 0);
      return {
        name: `SIGSTOP of ${target} for ${seconds(forMs)}`,
        target,
        stopsReceiver: stage === 'receiver',
        act: (cluster) => cluster.suspend(stage, index, () => sleep(forMs)),
      };
    },
  ],
  [
    2,
    (random, awayMs) => {
      const stage = random.pick(SHARING);
      return {
        name: `another ${stage} joins for ${seconds(awayMs)}`,
        target: `more of ${stage}`,
        act: (cluster) => cluster.join(stage, () => sleep(awayMs)),
      };
    },
  ],
  [
    2,
    (random) => {
      const { stage, index, target } = drawProcess(random, STAGES);
      return {
        name: `stop and start of ${target}`,
        target,
        stopsReceiver: stage === 'receiver',
        act: (cluster) => cluster.stopAndStart(stage, index),
      };
    },
  ],
  [
    4,
    (random, awayMs) => {
      const broker = random.int(SOAK_BROKERS);
      const isKilled = random.chance(0.7);
      const what = isKilled ? 'kill -9 of' : 'SIGSTOP of';
      return {
        name: `${what} broker ${broker + 1} for ${seconds(awayMs)}`,
        target: 'kafka',
        stopsLog: true,
        act: (cluster) => withoutBrokers(cluster, [broker], isKilled, awayMs),
      };
    },
  ],
  [
    2,
    (random, awayMs) => {
      const stays = random.int(SOAK_BROKERS + 1);
      const brokers = Array.from({ length: SOAK_BROKERS }, (_, i) => i).filter((i) => i !== stays);
      return {
        name: `kill -9 of brokers ${brokers.map((i) => i + 1).join(', ')} for ${seconds(awayMs)}`,
        target: 'kafka',
        stopsLog: true,
        act: (cluster) => withoutBrokers(cluster, brokers, true, awayMs),
      };
    },
  ],
  [
    4,
    (random, awayMs) => {
      const data = random.chance(0.5) ? 'kept' : 'none';
      return {
        name: `kill -9 of Redis for ${seconds(awayMs)}, its data ${data}`,
        target: 'redis',
        act: async ({ services: { redis } }) => {
          await redis.kill();
          await sleep(awayMs);
          await redis.restart({ data });
        },
      };
    },
  ],
  [
    3,
    (_random, awayMs) => ({
      name: `kill -9 of the database for ${seconds(awayMs)}`,
      target: 'database',
      act: async ({ services: { timescale } }) => {
        await timescale.kill();
        await sleep(awayMs);
        await timescale.restart();
      },
    }),
  ],
  [
    2,
    (random, awayMs) => {
      const cuts = 1 + random.int(CUTS_MAX);
      return {
        name: `connections to the database cut ${cuts} times in ${seconds(awayMs)}`,
        target: 'database',
        act: async ({ world }) => {
          for (let i = 0; i < cuts; i += 1) {
            await world.cutDatabaseConnections();
            await sleep(awayMs / cuts);
          }
        },
      };
    },
  ],
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
  const { name, act, ...others } = draw(random, awayMs);
  return {
    stopsLog: false,
    stopsReceiver: false,
    ...others,
    name: `after ${seconds(beginMs)}: ${name}`,
    act: async (cluster) => {
      await sleep(beginMs);
      await act(cluster);
    },
  };
}

function drawProcess(
  random: Random,
  stages: readonly StageName[],
): { stage: StageName; index: number; target: string } {
  const stage = random.pick(stages);
  const index = random.int(SOAK_STAGES[stage]);
  return { stage, index, target: `${stage} ${index + 1}` };
}

async function withoutBrokers(
  { services: { kafka } }: SoakCluster,
  brokers: readonly number[],
  isKilled: boolean,
  awayMs: number,
): Promise<void> {
  const nodes = brokers.map((i) => kafka.nodes[i]!);
  if (isKilled) await Promise.all(nodes.map((node) => node.kill()));
  else for (const node of nodes) node.pause();
  await sleep(awayMs);
  if (isKilled) await kafka.restart();
  else for (const node of nodes) node.resume();
}
