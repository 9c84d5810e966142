import { SampleFlag } from '@millrace/model';
import type { CurrentSample } from './current-sample.ts';
import type { WindowFold, FoldMoment } from './window-fold.ts';
import type { RecordSeries } from './record-series.ts';
import type { SeriesDefiner } from './series-definer.ts';
import type { Target } from './series-placement.ts';

interface BesideFoldParts {
  windows: WindowFold;
  series: RecordSeries;
  definer: SeriesDefiner;
}

/** What samples do to editions that are not in force: those of before, and candidates. */
export class BesideFold {
  readonly #parts: BesideFoldParts;

  constructor(parts: BesideFoldParts) {
    this.#parts = parts;
  }

  /** Folds a fresh sample; into editions of before only where a window began in time. */
  fold(tenant: string, sample: CurrentSample, increase: number, at: FoldMoment): void {
    const { windows, definer, series } = this.#parts;
    const { timeUs, value, flags, placement } = sample;
    const isHistogram = (flags & SampleFlag.histogram) !== 0;
    let taken = 0;
    for (const target of placement.beside) {
      if (!takes(target, timeUs)) continue;
      taken += 1;
      this.#define(tenant, sample, target);
      if (isHistogram) windows.count(target, timeUs, at);
      else windows.fold(target, timeUs, value, increase, at);
    }
    if (taken === placement.beside.length) definer.noteBeside(series, sample.s, placement.beside);
  }

  /** Marks them: a sample that belongs there cannot be told from others. */
  mark(tenant: string, sample: CurrentSample, at: FoldMoment): void {
    for (const target of sample.placement.beside) {
      if (!takes(target, sample.timeUs)) continue;
      this.#define(tenant, sample, target);
      this.#parts.windows.mark(target, sample.timeUs, at);
    }
  }

  /** Not on first sight: most series come too late to have anything in an edition of before. */
  #define(tenant: string, { s }: CurrentSample, target: Target): void {
    this.#parts.definer.defineOutput(tenant, this.#parts.series, s, target);
  }
}

/** Whether any window of the time began before the target's edition ended, and not too early. */
function takes({ plan }: Target, timeUs: number): boolean {
  const { untilUs, widthsUs, fromUs } = plan;
  if (fromUs !== undefined) {
    return widthsUs.some((widthUs, w) => Math.floor(timeUs / widthUs) * widthUs >= fromUs[w]!);
  }
  return (
    timeUs < untilUs || widthsUs.some((widthUs) => Math.floor(timeUs / widthUs) * widthUs < untilUs)
  );
}
