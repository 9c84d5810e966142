import type { Clock } from './clock.ts';

/** Whether it settles, well or not, before so much time is over. Never rejects. */
export async function settlesWithin(
  clock: Clock,
  ms: number,
  settling: Promise<unknown>,
): Promise<boolean> {
  const over = new AbortController();
  const settled = settling.then(
    () => true,
    () => true,
  );
  const late = clock.sleep(ms, over.signal).then(
    () => false,
    () => true,
  );
  const isInTime = await Promise.race([settled, late]);
  over.abort();
  return isInTime;
}
