import { writeSync } from 'node:fs';

const PAUSE_MS = 2;
const WRITES_MAX = 100;

/**
 * Straight to the descriptor, from whatever thread: a line that waits in a queue is lost when the
 * thread dies of what the line tells. And whatever it says to that: a reader or a terminal that is
 * gone, a full disk under a file, or one that reads too slowly, the work matters more than a line.
 */
export function writeToStandardError(line: string): void {
  let rest: Uint8Array = Buffer.from(line);
  for (let writes = 1; rest.length > 0 && writes <= WRITES_MAX; writes += 1) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
