import { setImmediate } from 'node:timers/promises';

const TRIES_MAX = 200_000;

/** Lets the event loop turn until `condition` holds; fails when it never does. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < TRIES_MAX; i += 1) {
    if (await condition()) return;
    await setImmediate();
  }
  throw new Error(`The condition did not come to hold: ${String(condition)}`);
}
