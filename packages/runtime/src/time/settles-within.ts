import type { Clock } from './clock.ts';

/**
 * Whether it settles, well or not, before so much time is over.
 *
 * @throws nothing but the signal's reason, when it aborts.
 */
export async function settlesWithin(
  clock: Clock,
  ms: number,
  settling: Promise<unknown>,
  signal?: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const ends = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const settled = settling.then(
    () => true,
    () => true,
  );
  const late = clock.sleep(ms, ends).then(
    () => false,
    () => true,
  );
  const isInTime = await Promise.race([settled, late]);
  over.abort();
  signal?.throwIfAborted();
  return isInTime;
}
