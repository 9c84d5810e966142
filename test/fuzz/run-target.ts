import * as fc from 'fast-check';
import { checkInput, checkSound } from './check-input.ts';
import { FuzzFailure, type FuzzTarget } from './fuzz-target.ts';
import { corpusOf, failedInputs, keepInput } from './kept-inputs.ts';
import { INPUT_BYTES_MAX, mutate, mutations } from './mutations.ts';
import type { Watchdog } from './watchdog.ts';

/** How long one run goes on: so many inputs, or until the time is over. */
export type Extent = Readonly<{ runs: number }> | Readonly<{ timeMs: number }>;

export interface FuzzReport {
  inputs: number;
  /** Of the mutated ones: how many were accepted. */
  accepted: number;
}

/** Inputs that failed once, each read again. */
export async function readFailedInputs(target: FuzzTarget, watchdog: Watchdog): Promise<number> {
  const inputs = failedInputs(target.name);
  for (const { file, bytes } of inputs) {
    try {
      await checkInput(target, bytes, watchdog);
    } catch (error) {
      throw new Error(`${file} breaks again: ${String(error)}`, { cause: error });
    }
  }
  return inputs.length;
}

/**
 * Sound inputs, then mutated ones, as the seed has them. An input that breaks something is made
 * smaller, kept in the tree, and thrown with the seed.
 */
export async function fuzzTarget(
  target: FuzzTarget,
  watchdog: Watchdog,
  params: Readonly<{ seed: number; extent: Extent }>,
): Promise<FuzzReport> {
  const report: FuzzReport = { inputs: 0, accepted: 0 };
  const { seed, extent } = params;
  const part = <Ts>(share: number): fc.Parameters<Ts> => ({
    seed,
    endOnFailure: false,
    ...('runs' in extent
      ? { numRuns: Math.ceil(share * extent.runs) }
      : {
          numRuns: Number.MAX_SAFE_INTEGER,
          interruptAfterTimeLimit: share * extent.timeMs,
          markInterruptAsFailure: false,
        }),
  });
  const sound = fc.asyncProperty(target.sound, async (input) => {
    report.inputs += 1;
    await checkSound(target, input, watchdog);
  });
  judge(target, seed, await fc.check(sound, part(0.2)), ([input]) => input.bytes);
  const mutated = fc.asyncProperty(mutatedInputs(target), async (bytes) => {
    report.inputs += 1;
    const outcome = await checkInput(target, bytes, watchdog);
    if ('value' in outcome) report.accepted += 1;
  });
  judge(target, seed, await fc.check(mutated, part(0.8)), ([bytes]) => bytes);
  return report;
}

function mutatedInputs(target: FuzzTarget): fc.Arbitrary<Uint8Array> {
  const corpus = corpusOf(target.name);
  const sound = target.sound.map(({ bytes }) => bytes);
  const base = corpus.length === 0 ? sound : fc.oneof(sound, fc.constantFrom(...corpus));
  const random = fc.uint8Array({ maxLength: 200 });
  const words = target.words ?? [];
  const changed = fc
    .record({ base, changes: mutations, donor: base, isSealed: fc.boolean() })
    .map((one) => {
      const bytes = mutate(one.base, one.changes, { donor: one.donor, words });
      return one.isSealed && target.seal !== undefined ? target.seal(bytes) : bytes;
    });
  const { warp, bytesMax = INPUT_BYTES_MAX } = target;
  const warped = fc
    .tuple(base, fc.nat(), fc.nat())
    .map(([bytes, place, lie]) => warp?.(bytes, place, lie) ?? bytes);
  return fc
    .oneof(
      { weight: 20, arbitrary: changed },
      { weight: 1, arbitrary: random },
      { weight: warp === undefined ? 0 : 20, arbitrary: warped },
    )
    .map((bytes) => bytes.subarray(0, bytesMax));
}

function judge<Ts>(
  target: FuzzTarget,
  seed: number,
  details: fc.RunDetails<Ts>,
  bytesOf: (counterexample: Ts) => Uint8Array,
): void {
  const { counterexample, errorInstance } = details;
  // Its time was over before the first input.
  const isInterrupted = details.interrupted && counterexample === null;
  if (!details.failed || isInterrupted) return;
  if (counterexample === null) {
    throw new Error(`${target.name}, seed ${seed}: no input could be made`, {
      cause: errorInstance,
    });
  }
  const property = errorInstance instanceof FuzzFailure ? errorInstance.property : 'crash';
  const file = keepInput(target.name, property, bytesOf(counterexample));
  throw new Error(`${target.name}, seed ${seed}: ${String(errorInstance)}; kept in ${file}`, {
    cause: errorInstance,
  });
}
