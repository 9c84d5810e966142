import {
  makeCheckpoint,
  newestFirst,
  type CheckpointOutcome,
  type CheckpointSection,
  type MadeCheckpoint,
} from '@millrace/checkpoint';
import { errorKind, errorText, limitTime, MillraceError, type Clock } from '@millrace/runtime';
import { isSamePosition, type StatePosition, type StateStore } from '@millrace/state';
import type { Producer, Stream } from '@millrace/stream';
import { CheckpointRoom, type CheckpointRoomSettings } from './checkpoint-room.ts';
import { describeState } from './describe-state.ts';
import type { TransformerEvents } from './events.ts';

/** Makes a checkpoint of what is committed of a partition; undefined when nothing is. */
export type MakeCheckpoint = (
  partition: number,
  signal: AbortSignal,
) => Promise<MadeCheckpoint | undefined>;

export interface CheckpointsParts {
  stream: Stream;
  make: MakeCheckpoint;
  clock: Clock;
  events: TransformerEvents;
  settings: Pick<CheckpointSection, 'intervalMs'> & CheckpointRoomSettings;
}

interface Tracked {
  /** When the newest one was made, or when it was first asked without one. */
  sinceUs: number;
  hasOne: boolean;
  last: StatePosition | undefined;
  committed: StatePosition | undefined;
  /** When it was owned for the last time. */
  seenUs: number;
  /** Not before. */
  nextUs: number;
}

/** One that takes longer is given up: its chunks mean nothing, and the next attempt is whole. */
const MAKE_MS_MAX = 600_000;
/** A partition without any gets its first one soon: until then no event is released. */
const FIRST_MS = 60_000;
const RETRY_MS = 60_000;
/** Longer than stopping may take. */
const RECENT_MS = 60_000;

/** The straight way: in this thread. Loading and checking a large state stalls it for a moment. */
export function makeHere(
  components: Readonly<{ state: StateStore; producer: Producer; clock: Clock }>,
): MakeCheckpoint {
  return (partition, signal) =>
    makeCheckpoint({ ...components, describe: describeState }, { partition, signal });
}

/**
 * Sees to it that each partition has a checkpoint that is not older than the interval. They are
 * made one at a time, beside the folding, of what is committed; folding never waits for them.
 */
export class Checkpoints {
  readonly #parts: CheckpointsParts;
  readonly #tracked = new Map<number, Tracked>();
  readonly #room: CheckpointRoom;
  readonly #stopping = new AbortController();
  readonly #underWay = new Map<number, Promise<unknown>>();
  /** One after the other: each holds the whole state of its partition. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
    const { stream, settings } = parts;
    this.#room = new CheckpointRoom(stream, settings);
  }

  /** Begins one when it is time, and something was committed since the last one. */
  whenDue(partition: number, committed: StatePosition | undefined): void {
    const { clock, events, settings } = this.#parts;
    const nowUs = clock.nowUs();
    const tracked = this.#trackedOf(partition, nowUs);
    Object.assign(tracked, { committed, seenUs: nowUs });
    // A clock that was set back must not put them off until it has caught up.
    if (nowUs < tracked.sinceUs) tracked.sinceUs = nowUs;
    tracked.nextUs = Math.min(tracked.nextUs, nowUs + settings.intervalMs * 1000);
    if (tracked.hasOne) events.checkpointAge(partition, (nowUs - tracked.sinceUs) / 1e6);
    const waitMs = tracked.hasOne ? settings.intervalMs : Math.min(FIRST_MS, settings.intervalMs);
    if (nowUs < tracked.sinceUs + waitMs * 1000 || nowUs < tracked.nextUs) return;
    if (committed === undefined || isSamePosition(committed, tracked.last)) return;
    if (this.#underWay.has(partition) || this.#stopping.signal.aborted) return;
    this.#begin(partition, tracked);
  }

  /** Those owned a moment ago: who leaves a group has none any more when it has stopped. */
  get recent(): number[] {
    const sinceUs = this.#parts.clock.nowUs() - RECENT_MS * 1000;
    const recent = [...this.#tracked].filter(([, { seenUs }]) => seenUs >= sinceUs);
    return recent.map(([partition]) => partition).toSorted((a, b) => a - b);
  }

  /**
   * Makes one of each partition of which something was committed since its last one. With `isAsked`
   * of all that have a state. Never rejects.
   */
  async makeAll(
    partitions: readonly number[],
    how: Readonly<{ isAsked: boolean; signal: AbortSignal }>,
  ): Promise<CheckpointOutcome[]> {
    const outcomes = partitions.map(async (partition): Promise<CheckpointOutcome> => {
      const tracked = this.#trackedOf(partition, this.#parts.clock.nowUs());
      const { committed, last } = tracked;
      const isNew = committed !== undefined && !isSamePosition(committed, last);
      const isWanted =
        how.isAsked || (isNew && (await this.#hasRoom(partition, tracked, how.signal)));
      if (!isWanted) return { partition, outcome: 'unchanged' };
      return await this.#make(partition, tracked, how.signal);
    });
    return await Promise.all(outcomes);
  }

  /** Gives up what is under way, and begins none any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#underWay.values());
  }

  #note(partition: number, manifest: MadeCheckpoint['manifest'], offset: number): void {
    const { logId, position, madeAtUs: sinceUs, pagesBytes: bytes } = manifest;
    const last = { logId, position };
    Object.assign(this.#trackedOf(partition, sinceUs), { sinceUs, hasOne: true, last });
    const { chunkCount, firstChunkOffset } = manifest;
    const first = chunkCount > 0 ? firstChunkOffset : offset;
    this.#room.note(partition, { offset, first, bytes });
  }

  #trackedOf(partition: number, nowUs: number): Tracked {
    const known = this.#tracked.get(partition);
    if (known !== undefined) return known;
    const tracked: Tracked = {
      ...{ sinceUs: nowUs, hasOne: false, last: undefined, committed: undefined },
      ...{ seenUs: nowUs, nextUs: nowUs },
    };
    this.#tracked.set(partition, tracked);
    this.#runBeside(partition, this.#learn(partition));
    return tracked;
  }

  /** A process that is started again goes on counting from the checkpoint that is there. */
  async #learn(partition: number): Promise<void> {
    const { stream, events } = this.#parts;
    const { signal } = this.#stopping;
    try {
      for await (const { manifest, offset } of newestFirst({ stream, partition, signal })) {
        this.#note(partition, manifest, offset);
        return;
      }
    } catch (error) {
      if (!signal.aborted) events.checkpointFailed(partition, error);
    }
  }

  #begin(partition: number, tracked: Tracked): void {
    const limit = limitTime(this.#parts.clock, MAKE_MS_MAX, () => tookTooLong(partition));
    const signal = AbortSignal.any([limit.signal, this.#stopping.signal]);
    const making = async (): Promise<void> => {
      try {
        const hasRoom = await this.#hasRoom(partition, tracked, signal);
        if (hasRoom) await this.#make(partition, tracked, signal);
      } finally {
        await limit.end();
      }
    };
    this.#runBeside(partition, making());
  }

  #runBeside(partition: number, doing: Promise<void>): void {
    const running = doing.finally(() => {
      if (this.#underWay.get(partition) === running) this.#underWay.delete(partition);
    });
    this.#underWay.set(partition, running);
  }

  /** While the store is far behind, none can be released; then they must not fill the disk. */
  async #hasRoom(partition: number, tracked: Tracked, signal: AbortSignal): Promise<boolean> {
    const { clock, events, settings } = this.#parts;
    try {
      const heldBytes = await this.#room.exceeded(partition, signal);
      if (heldBytes === undefined) return true;
      tracked.nextUs = clock.nowUs() + settings.intervalMs * 1000;
      events.checkpointPutOff(partition, { heldBytes, keptBytesMax: settings.keptBytesMax });
    } catch (error) {
      this.#failed(partition, tracked, error);
    }
    return false;
  }

  async #make(
    partition: number,
    tracked: Tracked,
    signal: AbortSignal,
  ): Promise<CheckpointOutcome> {
    const { events, make } = this.#parts;
    try {
      const made = await this.#inTurn(signal, () => make(partition, signal));
      if (made === undefined) return { partition, outcome: 'unchanged' };
      this.#note(partition, made.manifest, made.offset);
      events.checkpointMade(partition, made);
      const { checkpointId, position, pagesBytes: bytes } = made.manifest;
      const { tookMs } = made;
      return { partition, outcome: 'made', checkpointId, position, bytes, tookMs };
    } catch (error) {
      this.#failed(partition, tracked, error);
      if (errorKind(error) === 'aborted' || !(error instanceof MillraceError)) {
        return { partition, outcome: 'failed', code: 'UNKNOWN', message: errorText(error) };
      }
      const { code, message, remedy } = error;
      const told = remedy === undefined ? {} : { remedy };
      return { partition, outcome: 'failed', code, message, ...told };
    }
  }

  async #inTurn<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const acting = before.then(() => {
      signal.throwIfAborted();
      return act();
    });
    this.#turn = acting.catch(() => undefined);
    return await acting;
  }

  #failed(partition: number, tracked: Tracked, error: unknown): void {
    const { clock, events, settings } = this.#parts;
    tracked.nextUs = clock.nowUs() + Math.min(RETRY_MS, settings.intervalMs) * 1000;
    if (errorKind(error) !== 'aborted') events.checkpointFailed(partition, error);
  }
}

function tookTooLong(partition: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_TOO_SLOW',
    kind: 'transient',
    message:
      `Making a checkpoint of partition ${partition} took longer than ${MAKE_MS_MAX / 1000} s ` +
      'and was given up. Events are kept as before.',
    remedy: 'It is tried again; look at the load of the disk, or of Kafka and Redis.',
  });
}
