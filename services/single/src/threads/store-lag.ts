import type { Clock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';

/** How far the store is behind the log, as far as jobs have to know. */
export interface StoreLag {
  /** What arrives takes long to get into the store: who is not urgent holds back. */
  isPressed: () => boolean;
  stop(): Promise<void>;
}

const LOOK_MS = 250;
/** So far behind, jobs hold back: half of what is promised for what arrives. */
const PRESSED_MS = 2000;

/** Looks at the ends of the log, and at when the store has what lay below them. */
export function storeLag(
  components: Readonly<{ stream: Stream; clock: Clock }>,
  sharedPositions: SharedArrayBuffer,
): StoreLag {
  const { stream, clock } = components;
  const stored = new BigInt64Array(sharedPositions);
  const stopping = new AbortController();
  /** By partition: an end that the store has not reached, and since when it is known. */
  const waiting = new Map<number, Readonly<{ end: number; sinceUs: number }>>();
  let isPressed = false;
  const look = async (): Promise<void> => {
    const nowUs = clock.nowUs();
    let lagUs = 0;
    for (let partition = 0; partition < stream.partitions; partition += 1) {
      const known = waiting.get(partition);
      const position = Number(Atomics.load(stored, partition));
      if (known === undefined || position >= known.end) {
        const { end } = await stream.bounds(TOPIC_EVENTS, partition);
        waiting.set(partition, { end, sinceUs: nowUs });
      } else lagUs = Math.max(lagUs, nowUs - known.sinceUs);
    }
    isPressed = lagUs > PRESSED_MS * 1000;
  };
  const looking = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A look that failed says nothing; whoever reads the log is told what is wrong with it.
      await look().catch(() => undefined);
      await clock.sleep(LOOK_MS, stopping.signal).catch(() => undefined);
    }
  })();
  return {
    isPressed: () => isPressed,
    stop: async () => {
      stopping.abort();
      await looking;
    },
  };
}
