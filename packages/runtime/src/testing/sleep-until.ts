/**
 * The sleep of a clock that a test holds: ends with `woken`, rejects with the signal's reason.
 * Like one of the machine's clock it leaves no listener on a signal that lives on.
 */
export async function sleepUntil(woken: Promise<void>, signal?: AbortSignal): Promise<void> {
  if (signal === undefined) return await woken;
  signal.throwIfAborted();
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([woken, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
