import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadRun } from '../load/load-run.ts';
import type { Random } from '../sim/random.ts';
import type { CrashWorld } from './crash-world.ts';

/** Something that happens under load, its timing drawn. */
export interface SoakFault {
  readonly name: string;
  /** Of all rounds. */
  readonly weight: number;
  /** Needs a world on a small disk. */
  readonly onSmallDisk: boolean;
  readonly draw: (random: Random) => (world: CrashWorld, run: LoadRun) => Promise<void>;
}

const STARTING_MS_MAX = 2500;
const FULL_MS_MAX = 3000;

export const SOAK_FAULTS: readonly SoakFault[] = [
  {
    name: 'kill -9 of the process',
    weight: 4,
    onSmallDisk: false,
    draw: () => (world) => world.killProcess(),
  },
  {
    name: 'kill -9, and again while it starts',
    weight: 3,
    onSmallDisk: false,
    draw: (random) => {
      const afterMs = random.int(STARTING_MS_MAX);
      return (world) => world.killProcessTwice(afterMs);
    },
  },
  {
    name: 'kill -9 of PostgreSQL',
    weight: 2,
    onSmallDisk: false,
    draw: () => (world) => world.killPostgres(),
  },
  {
    name: 'kill -9 of PostgreSQL, then of the process',
    weight: 1,
    onSmallDisk: false,
    draw: () => async (world) => {
      await world.killPostgres();
      await world.killProcess();
    },
  },
  {
    name: 'stop and start',
    weight: 2,
    onSmallDisk: false,
    draw: () => (world) => world.stopAndStart(),
  },
  {
    name: 'full disk',
    weight: 2,
    onSmallDisk: true,
    draw: (random) => {
      const forMs = random.int(FULL_MS_MAX);
      return (world, run) => world.fillDisk(isPutOff(run), () => sleep(forMs));
    },
  },
  {
    name: 'full disk, and kill -9 while it is full',
    weight: 1,
    onSmallDisk: true,
    draw: () => (world, run) => world.killOnFullDisk(isPutOff(run)),
  },
];

/** Whether senders were answered 503. */
function isPutOff(run: LoadRun): () => boolean {
  return () => (run.retries['503'] ?? 0) > 0;
}

/** By weight, among those that can be had here. */
export function drawFault(random: Random, smallDisks: boolean): SoakFault {
  const possible = SOAK_FAULTS.filter(({ onSmallDisk }) => smallDisks || !onSmallDisk);
  let left = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of possible) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  return possible.at(-1)!;
}
