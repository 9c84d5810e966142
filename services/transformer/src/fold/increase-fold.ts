import { SampleKind } from '@millrace/model';
import type { CurrentSample } from './current-sample.ts';
import { increaseBetween } from './increase.ts';
import type { FoldTables } from './partition-state.ts';
import type { FoldMoment } from './window-fold.ts';

/** What fresh samples of counters and deltas do to the increases of windows. */
export class IncreaseFold {
  readonly #tables: FoldTables;

  constructor(tables: FoldTables) {
    this.#tables = tables;
  }

  /** Remembers a counter's start: rules may come to ask for increases that did not before. */
  noteStart({ kind, slot }: CurrentSample, startUs: number): void {
    const { dedupe, series } = this.#tables;
    if (!isCounter(kind) || dedupe.neighbours.inGap) return;
    const starts = series.start.data;
    starts[slot] = Math.max(starts[slot]!, startUs);
  }

  /** What a sample adds to the increase of its own window: it is the later one of its two. */
  of({ kind, slot, timeUs, value }: CurrentSample): number {
    if (kind === SampleKind.delta) return value;
    const { neighbours } = this.#tables.dedupe;
    if (!isCounter(kind) || neighbours.inGap) return 0;
    const startUs = this.#tables.series.start.data[slot]!;
    const { previousTimeUs, previousValue } = neighbours;
    return increaseBetween(previousTimeUs, previousValue, timeUs, value, startUs);
  }

  /** Splits the increase the sample fell into; in a gap nobody knows which one that was. */
  mend({ kind, slot, timeUs, value, placement }: CurrentSample, at: FoldMoment): void {
    if (!isCounter(kind)) return;
    const { windows, dedupe, series } = this.#tables;
    const { inGap, previousTimeUs, previousValue, nextTimeUs, nextValue } = dedupe.neighbours;
    const { targets, beside } = placement;
    if (inGap) {
      for (const target of targets) windows.markIncrease(target, timeUs, at);
      for (const target of beside) windows.markIncrease(target, timeUs, at);
      return;
    }
    if (nextTimeUs !== nextTimeUs) return;
    const startUs = series.start.data[slot]!;
    const before = increaseBetween(previousTimeUs, previousValue, nextTimeUs, nextValue, startUs);
    const after = increaseBetween(timeUs, value, nextTimeUs, nextValue, startUs);
    if (after === before) return;
    for (const target of targets) windows.increase(target, nextTimeUs, after - before, at);
    for (const target of beside) windows.increase(target, nextTimeUs, after - before, at);
  }
}

/** Remote write 1.0 floats may be counters as well: `increase` reads them as such. */
export function isCounter(kind: number): boolean {
  return kind === SampleKind.cumulative || kind === SampleKind.unknown;
}
