import type { Clock } from '@millrace/runtime';

/** Work at a time before others get their turn. */
const SLICE_MS = 10;
/** Nobody needs longer to catch up with a slice. */
const REST_MS_MAX = 100;

/** Rests for as long as was worked since the last rest: live folding and storing come first. */
export function createGiveWay(
  clock: Clock,
  nowMs: () => number = () => performance.now(),
): () => Promise<void> {
  let sinceMs = nowMs();
  return async () => {
    const workedMs = nowMs() - sinceMs;
    if (workedMs < SLICE_MS) return;
    await clock.sleep(Math.min(REST_MS_MAX, Math.ceil(workedMs)));
    sinceMs = nowMs();
  };
}
