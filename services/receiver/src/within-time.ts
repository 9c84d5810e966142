import type { Clock } from '@millrace/runtime';

/**
 * What `doing` resolves with, or what `late` tells when that takes longer than `ms`. Then it goes
 * on by itself, and how it ends is nobody's concern any more.
 */
export async function withinTime<T>(
  params: Readonly<{ clock: Clock; ms: number; doing: Promise<T>; late: () => Error }>,
): Promise<T> {
  const { clock, ms, doing, late } = params;
  const settled = new AbortController();
  const timeout = clock.sleep(ms, settled.signal).then(
    () => Promise.reject(late()),
    // Aborted, because `doing` has settled: the race is over.
    () => doing,
  );
  try {
    return await Promise.race([doing, timeout]);
  } finally {
    settled.abort();
  }
}
