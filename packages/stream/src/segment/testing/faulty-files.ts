import { expect } from 'vitest';

/** Gives turns of the event loop until it is so: simulated files need no time. */
export async function untilTurned(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    expect(turns).toBeLessThan(10_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As the system reports a failed operation. */
export function errnoError(code: string): Error {
  return Object.assign(new Error(`${code} by the test`), { code });
}
