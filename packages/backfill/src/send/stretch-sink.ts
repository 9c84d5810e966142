import type { TimeUs } from '@millrace/model';
import type { FileSeries } from '../read/file-series.ts';
import type { NanMeaning } from '../read/read-settings.ts';
import type { FilePlace, RecordSink } from '../read/record-sink.ts';
import { StretchCollector } from '../stretch/stretch-collector.ts';
import type { Stretch, StretchSettings } from '../stretch/stretch.ts';

/** Collects stretches of a file, and hands them on whenever the reader pauses. */
export class StretchSink implements RecordSink {
  readonly #collector: StretchCollector;
  readonly #nan: NanMeaning;
  readonly #take: (stretch: Stretch) => Promise<void>;
  #ready: Stretch[] = [];
  #place: FilePlace;

  constructor(
    params: Readonly<{
      settings: StretchSettings;
      nan: NanMeaning;
      first: number;
      from: FilePlace;
      take: (stretch: Stretch) => Promise<void>;
    }>,
  ) {
    this.#collector = new StretchCollector(params.settings, params.first);
    this.#nan = params.nan;
    this.#take = params.take;
    this.#place = params.from;
  }

  /** Faults were told when the file was read for the first time. */
  fault(): void {}

  sample(series: FileSeries, timeUs: TimeUs, value: number, isStale: boolean): void {
    if (value === value || isStale || this.#nan === 'value') {
      this.#collector.sample(series, timeUs, value, isStale);
    } else if (this.#nan === 'stale') this.#collector.sample(series, timeUs, value, true);
  }

  recordEnd(offset: number, line: number): void {
    this.#place = { offset, line };
    const stretch = this.#collector.recordEnd(this.#place);
    if (stretch !== undefined) this.#ready.push(stretch);
  }

  async drained(): Promise<void> {
    const ready = this.#ready;
    this.#ready = [];
    for (const stretch of ready) await this.#take(stretch);
  }

  /** Hands on what is left at the end of the file. */
  async end(): Promise<void> {
    await this.drained();
    const last = this.#collector.end(this.#place);
    if (last !== undefined) await this.#take(last);
  }
}
