import type { ExpectedRun } from '@millrace/wire';
import type { DraftPart } from './part-builder.ts';
import { LayoutColumns, type PlainSample } from './layout-columns.ts';
import type { Layout, SeriesColumn } from './layout.ts';
import { layoutOf, Layouts } from './layouts.ts';
import type { SeriesTable } from '../series/series-table.ts';

/** As many requests may come by turns, and each has a layout. */
const REQUESTS_ONCE_MAX = 1024;
/** A sample of a layout takes 33 bytes. */
const LAYOUT_SAMPLES_MAX = 1_000_000;
const FIRST_CAPACITY = 1024;

/**
 * The layouts of remote write: of requests that have nothing but a sample and a run behind it, and
 * came before. Which series those are is compared number by number; only what follows from that is
 * remembered, so that each request is cut as if it were the first one.
 */
export class RunLayouts {
  /** Of the request that is being taken. */
  readonly columns: LayoutColumns = new LayoutColumns();
  readonly #layouts = new Layouts(REQUESTS_ONCE_MAX);
  readonly #samplesMax: number;
  readonly #table: SeriesTable;
  #numbers = new Uint32Array(FIRST_CAPACITY);

  constructor(params: Readonly<{ table: SeriesTable; seriesCountMax: number }>) {
    this.#table = params.table;
    this.#samplesMax = Math.min(LAYOUT_SAMPLES_MAX, params.seriesCountMax);
  }

  /** Valid until the next request. */
  seriesOf(first: PlainSample, run: ExpectedRun): SeriesColumn {
    const samples = 1 + run.samples;
    if (samples > this.#numbers.length) this.#numbers = new Uint32Array(2 * samples);
    this.#numbers[0] = first.series;
    this.#numbers.set(run.numbers.subarray(0, run.samples), 1);
    return { samples, column: new Uint8Array(this.#numbers.buffer, 0, 4 * samples) };
  }

  find(series: SeriesColumn): Layout | undefined {
    return this.#layouts.find(series);
  }

  isAgain(series: SeriesColumn): boolean {
    return this.#layouts.isAgain(series);
  }

  /** Of the request whose series `seriesOf` told last; all its samples were taken. */
  learn(series: SeriesColumn, drafts: readonly DraftPart[]): void {
    const { samples } = series;
    if (samples > this.#samplesMax) return;
    if (this.#layouts.samples + samples > this.#samplesMax) this.#layouts.clear();
    const numbers = this.#numbers;
    this.#layouts.add(layoutOf(series, (ordinal) => numbers[ordinal]!, this.#table, drafts));
  }

  /** Numbers of series mean something else from now on. */
  clear(): void {
    this.#layouts.clear();
  }
}
