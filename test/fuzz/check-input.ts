import { getHeapStatistics } from 'node:v8';
import { FuzzFailure, type FuzzTarget, type Outcome, type SoundInput } from './fuzz-target.ts';
import type { Watchdog } from './watchdog.ts';

const SLOW_MS = 100;
/** A figure beyond a bound counts when it is so each time: collector and scheduler have their own. */
const CONFIRMATIONS = 4;

/**
 * Reads one input and checks all that must hold for any: it is read, or refused by the declared
 * error, in 100 ms and without more memory than its length allows; and other readers agree.
 *
 * Memory is what heap and buffers grew by. What the collector took back meanwhile is not seen, but
 * what counts is large at once: arrays and buffers made by a length that lies.
 *
 * @throws FuzzFailure.
 */
export async function checkInput(
  target: FuzzTarget,
  bytes: Uint8Array,
  watchdog: Watchdog,
): Promise<Outcome> {
  const first = await readOnce(target, bytes, watchdog);
  const bytesMax = bytes.length * target.memory.perByte + target.memory.fixedBytes;
  let { tookMs, grownBytes } = first;
  for (let i = 0; i < CONFIRMATIONS && (tookMs > SLOW_MS || grownBytes > bytesMax); i += 1) {
    const again = await readOnce(target, bytes, watchdog);
    tookMs = Math.min(tookMs, again.tookMs);
    grownBytes = Math.min(grownBytes, again.grownBytes);
  }
  if (tookMs > SLOW_MS) {
    throw new FuzzFailure('slow', `${bytes.length} bytes took ${Math.round(tookMs)} ms`);
  }
  if (grownBytes > bytesMax) {
    const detail = `${bytes.length} bytes took ${grownBytes} bytes of memory, ${bytesMax} allowed`;
    throw new FuzzFailure('memory', detail);
  }
  try {
    await target.agree?.(bytes, first.outcome);
  } catch (error) {
    throw new FuzzFailure('agree', textOf(error), error);
  }
  return first.outcome;
}

/** The same for an input that must be accepted, and read as what it was written from. */
export async function checkSound(
  target: FuzzTarget,
  input: SoundInput,
  watchdog: Watchdog,
): Promise<void> {
  const outcome = await checkInput(target, input.bytes, watchdog);
  if ('refusal' in outcome) {
    throw new FuzzFailure('round-trip', `refused: ${textOf(outcome.refusal)}`, outcome.refusal);
  }
  try {
    input.check(outcome.value);
  } catch (error) {
    throw new FuzzFailure('round-trip', textOf(error), error);
  }
}

interface Reading {
  outcome: Outcome;
  tookMs: number;
  grownBytes: number;
}

async function readOnce(
  target: FuzzTarget,
  bytes: Uint8Array,
  watchdog: Watchdog,
): Promise<Reading> {
  // A copy of exactly this length: what reads beyond the end finds nothing.
  const input = bytes.slice();
  watchdog.begin(target.name, input);
  const heldBefore = heldBytes();
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let outcome: Outcome;
  try {
    const read = target.read(input);
    outcome = { value: read instanceof Promise ? await read : read };
  } catch (error) {
    if (!(error instanceof Error) || !target.isRefusal(error)) {
      throw new FuzzFailure('crash', textOf(error), error);
    }
    outcome = { refusal: error };
  } finally {
    watchdog.end();
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  // Whatever else the machine does meanwhile is not this input's time.
  const tookMs = Math.min(performance.now() - startMs, (user + system) / 1000);
  return { outcome, tookMs, grownBytes: heldBytes() - heldBefore };
}

function heldBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
