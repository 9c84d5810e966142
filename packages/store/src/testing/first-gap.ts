import type { TimeUs } from '@millrace/model';

/** What a tier shows: everything from its cut on, up to where its windows are final. */
export interface Coverage {
  fromUs: TimeUs;
  untilUs: TimeUs;
}

/**
 * The first stretch of time that nothing covers although something covers times before it:
 * whoever looks back sees data, a hole, and older data. Data that ends is no gap.
 */
export function firstGap(coverages: readonly Coverage[]): Coverage | undefined {
  const some = coverages
    .filter(({ fromUs, untilUs }) => fromUs < untilUs)
    .toSorted((a, b) => a.fromUs - b.fromUs);
  let untilUs = some[0]?.fromUs ?? Infinity;
  for (const one of some) {
    if (one.fromUs > untilUs) return { fromUs: untilUs, untilUs: one.fromUs };
    untilUs = Math.max(untilUs, one.untilUs);
  }
  return undefined;
}
