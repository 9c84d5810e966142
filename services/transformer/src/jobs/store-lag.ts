import type { Clock } from '@millrace/runtime';
import type { Stream, Topic } from '@millrace/stream';

/** How far the store is behind the log, as far as jobs have to know. */
export interface StoreLag {
  /** What arrives takes long to get into the store: who is not urgent holds back. */
  isPressed: () => boolean;
  stop(): Promise<void>;
}

export interface StoreLagComponents {
  stream: Stream;
  clock: Clock;
  /** Partitions that are looked at. */
  partitions: () => readonly number[];
  /** Of each partition, below which offset of the topic the store has everything; if it is known. */
  stored: () => Promise<ReadonlyMap<number, number>> | ReadonlyMap<number, number>;
  /** It is not known for now, and jobs do not hold back. */
  onUnknown?: (error: unknown) => void;
}

export interface StoreLagSettings {
  /** What `stored` counts. */
  topic: Topic;
  lookMs: number;
  /** So far behind, jobs hold back. */
  pressedMs: number;
}

/** Nobody has asked for so long: then nobody has to know. */
const UNASKED_US = 5_000_000;

/** Looks at the ends of the log, and at when the store has what lay below them. */
export function watchStoreLag(
  { stream, clock, partitions, stored, onUnknown }: StoreLagComponents,
  { topic, lookMs, pressedMs }: StoreLagSettings,
): StoreLag {
  const stopping = new AbortController();
  /** By partition: an end that the store has not reached, and since when it is known. */
  const waiting = new Map<number, Readonly<{ end: number; sinceUs: number }>>();
  let askedUs = -Infinity;
  let isPressed = false;
  let isUnknown = false;
  const look = async (): Promise<void> => {
    const nowUs = clock.nowUs();
    const positions = await stored();
    let lagUs = 0;
    for (const partition of partitions()) {
      const known = waiting.get(partition);
      const position = positions.get(partition);
      if (position === undefined) waiting.delete(partition);
      else if (known === undefined || position >= known.end) {
        const { end } = await stream.bounds(topic, partition);
        waiting.set(partition, { end, sinceUs: nowUs });
      } else lagUs = Math.max(lagUs, nowUs - known.sinceUs);
    }
    isPressed = lagUs > pressedMs * 1000;
    isUnknown = false;
  };
  const looking = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (clock.nowUs() - askedUs <= UNASKED_US) {
        try {
          await look();
        } catch (error) {
          // Jobs must not wait for what nobody knows.
          isPressed = false;
          if (!isUnknown && !stopping.signal.aborted) onUnknown?.(error);
          isUnknown = true;
        }
      } else {
        waiting.clear();
        isPressed = false;
      }
      await clock.sleep(lookMs, stopping.signal).catch(() => undefined);
    }
  })();
  return {
    isPressed: () => {
      askedUs = clock.nowUs();
      return isPressed;
    },
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}
