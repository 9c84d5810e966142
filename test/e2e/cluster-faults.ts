import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '@millrace/runtime/testing';
import { until } from '../integration/running-millrace.ts';
import { controllerOf } from '../services/kafka-controller.ts';
import type { StageName } from '../services/stage-processes.ts';
import { SESSION_MS, type SoakCluster } from './soak-cluster.ts';
import type { FaultKind } from './survived-faults.ts';

/** Something that is done to processes on real services while they work. */
export interface ClusterFault {
  readonly kind: FaultKind;
  /** What it happens to: two at once may not happen to the same. */
  readonly target: string;
  /** Senders may be put off while it lasts. */
  readonly stopsLog?: boolean;
  /** Senders may get no answer while it lasts. */
  readonly stopsReceiver?: boolean;
  /** Resolves when what was taken away is there again. `awayMs`: for how long it is away. */
  readonly act: (cluster: SoakCluster, awayMs: number) => Promise<void>;
}

/** How long it may take until what is waited for comes by under load. */
const HAPPENS_MS_MAX = 120_000;
/** Longer than a transformer waits with a commit under load. */
const COMMIT_MS_MAX = 15_000;
const COMMIT_POLL_MS = 50;

const back = (how: string): string => `${how}, and back`;

/** Of three, with every partition on all of them and two needed for an acknowledgement. */
export function brokersKilled(brokers: readonly number[]): ClusterFault {
  const fault = brokers.length === 1 ? 'One Kafka broker of three' : 'Two Kafka brokers of three';
  return {
    kind: { fault, how: back('kill -9') },
    target: 'kafka',
    stopsLog: true,
    act: async ({ services: { kafka } }, awayMs) => {
      await Promise.all(brokers.map((i) => kafka.nodes[i]!.kill()));
      await sleep(awayMs);
      await kafka.restart();
    },
  };
}

export const CONTROLLER_KILLED: ClusterFault = {
  kind: { fault: 'The controller of three Kafka nodes', how: back('kill -9') },
  target: 'kafka',
  stopsLog: true,
  act: async ({ services: { kafka } }, awayMs) => {
    await (await controllerOf(kafka)).kill();
    await sleep(awayMs);
    await kafka.restart();
  },
};

export function brokerSuspended(broker: number): ClusterFault {
  return {
    kind: { fault: 'One Kafka broker of three', how: 'SIGSTOP, then SIGCONT' },
    target: 'kafka',
    stopsLog: true,
    act: async ({ services: { kafka } }, awayMs) => {
      kafka.nodes[broker]!.pause();
      await sleep(awayMs);
      kafka.nodes[broker]!.resume();
    },
  };
}

export function redisKilled(data: 'kept' | 'none'): ClusterFault {
  const how = data === 'kept' ? 'back with its data' : 'back empty';
  return {
    kind: { fault: 'Redis', how: `kill -9, ${how}` },
    target: 'redis',
    act: async ({ services: { redis } }, awayMs) => {
      await redis.kill();
      await sleep(awayMs);
      await redis.restart({ data });
    },
  };
}

export const REDIS_FLUSHED: ClusterFault = {
  kind: { fault: 'Redis', how: 'FLUSHALL' },
  target: 'redis',
  act: async ({ services: { redis } }) => await redis.flushAll(),
};

/** The replica has missed a commit, when one comes, and `awayMs` besides. */
export const REPLICA_PROMOTED: ClusterFault = {
  kind: { fault: 'Redis', how: 'kill -9, and a replica that was cut off before takes over' },
  target: 'redis',
  act: async ({ services: { redis }, world }, awayMs) => {
    const replica = await redis.startReplica();
    await replica.cutOff();
    const before = await sumOfCommits(world);
    const deadlineMs = performance.now() + COMMIT_MS_MAX;
    // Other faults may hold it up, and then it has missed nothing.
    while (performance.now() < deadlineMs && (await sumOfCommits(world)) === before) {
      await sleep(COMMIT_POLL_MS);
    }
    await sleep(awayMs);
    await replica.promote();
  },
};

export const DATABASE_KILLED: ClusterFault = {
  kind: { fault: 'PostgreSQL', how: back('kill -9 of the postmaster') },
  target: 'database',
  act: async ({ services: { timescale } }, awayMs) => {
    await timescale.kill();
    await sleep(awayMs);
    await timescale.restart();
  },
};

/** Wherever a writer is. */
export function databaseCut(times: number): ClusterFault {
  return {
    kind: { fault: "A writer's connections", how: 'pg_terminate_backend, again and again' },
    target: 'database',
    act: async ({ world }, awayMs) => {
      for (let i = 0; i < times; i += 1) {
        await world.cutDatabaseConnections();
        await sleep(awayMs / times);
      }
    },
  };
}

type Cut = 'in COPY' | 'before COMMIT' | 'before the answer to COMMIT';

/** The first bytes of binary COPY are through then, and no more of it. */
const CUTS: Readonly<Record<Cut, (database: TcpProxy) => void>> = {
  'in COPY': (database) => database.atRequest('PGCOPY\n\xff', () => database.cut()),
  'before COMMIT': (database) => database.atRequest('COMMIT', 'cut'),
  'before the answer to COMMIT': (database) => database.atRequest('COMMIT', 'cutAtAnswer'),
};

export function databaseCutAt(cut: Cut): ClusterFault {
  return {
    kind: { fault: "A writer's connections", how: `cut ${cut}` },
    target: 'database',
    act: async ({ database }) => {
      CUTS[cut](database);
      await until(`a writer is cut off ${cut}`, HAPPENS_MS_MAX, async () => !database.isWatching);
    },
  };
}

export function stageKilled(stage: StageName, index: number): ClusterFault {
  return {
    kind: { fault: `A ${stage}`, how: 'kill -9, and another one started' },
    ...targetOf(stage, index),
    act: (cluster, awayMs) => cluster.kill(stage, index, () => sleep(awayMs)),
  };
}

/** `beyond`: until its session is over, and others have its partitions, and `awayMs` longer. */
export function stageSuspended(stage: StageName, index: number, beyond: boolean): ClusterFault {
  const how = beyond ? 'SIGSTOP past its session, then SIGCONT' : 'SIGSTOP, then SIGCONT';
  return {
    kind: { fault: `A ${stage}`, how },
    ...targetOf(stage, index),
    act: (cluster, awayMs) =>
      cluster.suspend(stage, index, () => sleep(awayMs + (beyond ? SESSION_MS : 0))),
  };
}

export function stageStopped(stage: StageName, index: number): ClusterFault {
  return {
    kind: { fault: `A ${stage}`, how: 'a clean stop, and another one started' },
    ...targetOf(stage, index),
    act: (cluster) => cluster.stopAndStart(stage, index),
  };
}

export function stageJoins(stage: StageName): ClusterFault {
  return {
    kind: { fault: `A ${stage}`, how: 'another one joins, and leaves' },
    target: `more of ${stage}`,
    act: (cluster, awayMs) => cluster.join(stage, () => sleep(awayMs)),
  };
}

/** What was sent is in the log, and nobody was told so. */
export const RECEIVER_KILLED_BEFORE_ANSWER: ClusterFault = {
  kind: { fault: 'A receiver', how: "kill -9 between the log's acknowledgement and the answer" },
  ...targetOf('receiver', 0),
  act: async (cluster, awayMs) => {
    let killed: Promise<void> | undefined;
    cluster.senders.cutAtAnswer(() => {
      killed = cluster.kill('receiver', 0, () => sleep(awayMs));
    });
    await until('the receiver has an answer', HAPPENS_MS_MAX, async () => killed !== undefined);
    await killed;
  },
};

async function sumOfCommits(world: SoakCluster['world']): Promise<number> {
  const positions = await world.committedPositions();
  return positions.reduce((sum, one) => sum + one, 0);
}

function targetOf(stage: StageName, index: number): Pick<ClusterFault, 'target' | 'stopsReceiver'> {
  return { target: `${stage} ${index + 1}`, stopsReceiver: stage === 'receiver' };
}
