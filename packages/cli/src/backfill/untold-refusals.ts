import type { RejectReason } from '@millrace/wire';
import type { BackfillResult } from './backfill-text.ts';

/** The reason that receivers have for samples of the future. */
const FUTURE: RejectReason = 'time_too_far_in_future';

/** How many refused samples nobody expects. */
export function untoldRefusals(
  results: readonly Pick<BackfillResult, 'scan' | 'progress'>[],
  { isSkippingBad }: Readonly<{ isSkippingBad: boolean }>,
): number {
  let untold = 0;
  for (const { scan, progress } of results) {
    // A person was told of so many of the future before, and said that they are to be left out. A
    // receiver whose clock is behind, or that takes less of the future, refuses others too.
    let told = isSkippingBad ? scan.futures : 0;
    for (const { reason, count } of progress.rejected) {
      const expected = reason === FUTURE ? Math.min(told, count) : 0;
      told -= expected;
      untold += count - expected;
    }
  }
  return untold;
}
