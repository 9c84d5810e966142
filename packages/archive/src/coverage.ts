import type { ArchivedRange } from './range.ts';

/** Offsets `[from, to)` without a gap. */
export interface Stretch {
  from: number;
  to: number;
}

/**
 * The stretches that ranges cover, in order. Two archivers with other settings may have cut
 * differently: then ranges overlap, and each of them is whole.
 */
export function stretchesOf(ranges: readonly ArchivedRange[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const last = stretches.at(-1);
    if (last === undefined || from > last.to) stretches.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return stretches;
}

/** Where the stretch ends that holds `position` or begins there; undefined: none does. */
export function coveredTo(ranges: readonly ArchivedRange[], position: number): number | undefined {
  return stretchesOf(ranges).find(({ from, to }) => from <= position && position <= to)?.to;
}

/** The range to read on from `position` with: of several the one that leads furthest. */
export function rangeAt(
  ranges: readonly ArchivedRange[],
  position: number,
): ArchivedRange | undefined {
  let best: ArchivedRange | undefined;
  for (const range of ranges) {
    if (range.from > position || range.to <= position) continue;
    if (best === undefined || range.to > best.to) best = range;
  }
  return best;
}
