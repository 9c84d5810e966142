import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadRun } from '../load/load-run.ts';
import type { Random } from '../sim/random.ts';
import { DATA_PARTS, type CrashWorld } from './crash-world.ts';
import type { FaultKind } from './survived-faults.ts';

/** Something that happens under load, its timing drawn. */
export interface SoakFault {
  readonly kind: FaultKind;
  /** Of all rounds. */
  readonly weight: number;
  /** All on one small disk, or each part of the data on one of its own; neither is usual. */
  readonly disks?: 'one' | 'each';
  readonly draw: (random: Random) => (world: CrashWorld, run: LoadRun) => Promise<void>;
}

const STARTING_MS_MAX = 2500;
const FULL_MS_MAX = 3000;
const PROCESS = 'The one process';
const POSTGRES = 'Its PostgreSQL';
const DISK = 'A full disk, which has room again later';

export const SOAK_FAULTS: readonly SoakFault[] = [
  {
    kind: { fault: PROCESS, how: 'kill -9, and another start' },
    weight: 4,
    draw: () => (world) => world.killProcess(),
  },
  {
    kind: { fault: PROCESS, how: 'kill -9, and again while it starts' },
    weight: 3,
    draw: (random) => {
      const afterMs = random.int(STARTING_MS_MAX);
      return (world) => world.killProcessTwice(afterMs);
    },
  },
  {
    kind: { fault: PROCESS, how: "kill -9 between the log's flush and the answer" },
    weight: 2,
    draw: () => (world) => world.killBeforeAnswer(),
  },
  {
    kind: { fault: PROCESS, how: 'a clean stop, and another start' },
    weight: 2,
    draw: () => (world) => world.stopAndStart(),
  },
  {
    kind: { fault: POSTGRES, how: 'kill -9' },
    weight: 2,
    draw: () => (world) => world.killPostgres(),
  },
  {
    kind: { fault: POSTGRES, how: 'kill -9, then kill -9 of the process' },
    weight: 1,
    draw: () => async (world) => {
      await world.killPostgres();
      await world.killProcess();
    },
  },
  {
    kind: { fault: DISK, how: 'under log, state and store together' },
    weight: 2,
    disks: 'one',
    draw: (random) => {
      const forMs = random.int(FULL_MS_MAX);
      return (world, run) => world.fillDisk(isPutOff(run), () => sleep(forMs));
    },
  },
  {
    kind: { fault: DISK, how: 'under all three, and kill -9 of the process while it is full' },
    weight: 1,
    disks: 'one',
    draw: () => (world, run) => world.killOnFullDisk(isPutOff(run)),
  },
  ...DATA_PARTS.map((part): SoakFault => {
    const name = part === 'postgres' ? 'store' : part;
    return {
      kind: { fault: DISK, how: `under the ${name} alone` },
      weight: 1,
      disks: 'each',
      draw: (random) => {
        const forMs = random.int(FULL_MS_MAX);
        return (world) => world.fillPart(part, () => sleep(forMs));
      },
    };
  }),
];

/** Whether senders were answered 503. */
function isPutOff(run: LoadRun): () => boolean {
  return () => (run.retries['503'] ?? 0) > 0;
}

/** By weight, among those that can be had here. */
export function drawFault(random: Random, smallDisks: boolean): SoakFault {
  const possible = SOAK_FAULTS.filter(({ disks }) => smallDisks || disks === undefined);
  let left = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of possible) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  return possible.at(-1)!;
}
