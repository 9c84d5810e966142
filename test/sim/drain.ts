import { TOPIC_EVENTS } from '@millrace/stream';
import { EventsRecordKind } from '@millrace/wire';
import { readBack } from './check-checkpoints.ts';
import { readEvents } from './check-entries.ts';
import { loseState } from './damaged-state.ts';
import { storeDigest } from './other-log.ts';
import { FORGETS_MS } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';

const SECOND_US = 1_000_000;
/** The widest window's end, lateness and what comes after it. */
const LEAP_US = 7500 * SECOND_US;
/** Virtual time that draining may take once no faults happen any more. */
const DRAIN_US_MAX = 300 * SECOND_US;
/** With checkpoints more often than this, the log is expected to forget. */
const CHECKPOINTS_MS_MAX = 60_000;
/** Ticks that one segment can hold, and some. */
const LEFT_RECORDS_MAX = 120;

/** Liveness: with no more faults, everything is folded, finished and stored in bounded time. */
export async function drain(world: SimWorld): Promise<void> {
  const calm = world.partitions.map((partition) => endOf(world, partition));
  for (let leap = 0; leap < 3; leap += 1) {
    const ends = world.partitions.map((partition) => {
      // After a leap a tick is to come, where one can be folded.
      const ticks = world.poisonedAt.has(partition) ? 0 : Math.sign(leap);
      return endOf(world, partition) + ticks;
    });
    await world.until('not all was folded and stored', DRAIN_US_MAX, () => {
      return ends.every((end, partition) => isStored(world, partition, end));
    });
    // As in an idle night: only ticks come.
    if (leap < 2) world.clock.leap(LEAP_US);
  }
  await untilJobsAreOver(world);
  await checkForgets(world, calm);
  for (const partition of world.partitions) {
    const reading = readBack(world.log, partition, world.checkpoints);
    world.problems.push(...(await world.waitFor(reading)));
  }
  // What a receiver had under way may still have come, and the ledger tells of it a tick later.
  await world.until('not all that came late was told', DRAIN_US_MAX, () => {
    return world.partitions.every((partition) => {
      const isPoisoned = world.poisonedAt.has(partition);
      return isPoisoned || isStored(world, partition, endOfTold(world, partition));
    });
  });
  await checkBarriers(world);
  checkPoisoned(world);
  if (world.plan.endsWithReplay) await replay(world);
  world.transformers.dieAll();
  world.writers.dieAll();
}

/** The past is folded, or it was told why it cannot be; and what came of it is stored. */
async function untilJobsAreOver(world: SimWorld): Promise<void> {
  await world.until('jobs are not over', DRAIN_US_MAX, () => {
    const jobs = world.transformers.statuses().flatMap((one) => one.jobs ?? []);
    return jobs.every(({ state }) => state === 'over' || state === 'stopped');
  });
}

/** What is stored for good, and older than a checkpoint and than its retention, is forgotten. */
async function checkForgets(world: SimWorld, calm: readonly number[]): Promise<void> {
  const { stream, checkpoint } = world.plan;
  if (stream.retentionMs !== FORGETS_MS || checkpoint.intervalMs > CHECKPOINTS_MS_MAX) return;
  await world.until('the log does not forget', DRAIN_US_MAX, () =>
    world.partitions.every((partition) => {
      const { start } = world.log.bounds(TOPIC_EVENTS, partition);
      return start >= calm[partition]! - LEFT_RECORDS_MAX || world.poisonedAt.has(partition);
    }),
  );
}

/** Idempotence: all of the log is folded and put out again, and the store stays as it is. */
async function replay(world: SimWorld): Promise<void> {
  world.transformers.dieAll();
  const before = storeDigest(world.store);
  const ends = world.partitions.map((partition) => endOf(world, partition));
  for (const partition of world.partitions) loseState(world.database.partition(partition));
  world.writers.dieAll();
  world.transformers.add();
  world.writers.add();
  await world.until('not all was folded again', DRAIN_US_MAX, () => {
    return ends.every((end, partition) => isStored(world, partition, end));
  });
  // Ticks that came since may finish nothing that was open: those are two hours old.
  if (storeDigest(world.store) !== before) world.problems.push('a replay changed what is stored');
}

/** Whoever owns a poisoned partition says that it has stopped, and why. */
function checkPoisoned(world: SimWorld): void {
  const owned = world.transformers.statuses().flatMap(({ partitions }) => partitions);
  for (const { partition, state, reason } of owned) {
    if (world.poisonedAt.has(partition) === (state === 'stopped')) continue;
    world.problems.push(`partition ${partition} is ${state}: ${JSON.stringify(reason)}`);
  }
  for (const partition of world.poisonedAt.keys()) {
    if (owned.some((one) => one.partition === partition)) continue;
    world.problems.push(`nobody owns the poisoned partition ${partition}`);
  }
}

/** Whatever became of those who applied them: every partition heard of all rules there are. */
async function checkBarriers(world: SimWorld): Promise<void> {
  const newest = await world.waitFor(world.control.newest());
  for (const partition of world.partitions) {
    if (world.poisonedAt.has(partition)) continue;
    const heard = readEvents(world.log, partition).map(({ record }) =>
      record.kind === EventsRecordKind.barrier ? record.number : 0,
    );
    if (!heard.includes(newest)) {
      world.problems.push(`partition ${partition} never heard of version ${newest} of the rules`);
    }
  }
}

/** Where folding can get at most. */
function endOf(world: SimWorld, partition: number): number {
  const poisonedAt = world.poisonedAt.get(partition);
  if (poisonedAt !== undefined) return poisonedAt;
  return world.log.end(TOPIC_EVENTS, partition);
}

/** Behind the tick that follows the newest sample; Infinity while there is none. */
function endOfTold(world: SimWorld, partition: number): number {
  const kinds = readEvents(world.log, partition).map(({ record }) => record.kind);
  const tick = kinds.indexOf(EventsRecordKind.tick, kinds.lastIndexOf(EventsRecordKind.data) + 1);
  return tick < 0 ? Infinity : tick + 1;
}

function isStored(world: SimWorld, partition: number, end: number): boolean {
  const committed = world.database.partition(partition).position?.position ?? 0;
  const mark = world.store.marks.find(
    (one) => one.partition === partition && one.source === 'live',
  );
  return committed >= end && (mark?.mark.offset ?? 0) >= end;
}
