import {
  fingerprintOf,
  METRIC_NAME_LABEL,
  partitionOf,
  type SampleKind,
  type TimeUs,
} from '@millrace/model';
import type { ExpectedRun, MetricMetadata } from '@millrace/wire';
import type { LayoutColumns } from './layout-columns.ts';
import type { LayoutPart } from './layout.ts';
import { isUndoubted } from './undoubted-time.ts';
import { LaneDefinitions, type DefinitionSettings } from '../series/lane-definitions.ts';
import { PartBuilder, type DraftPart } from './part-builder.ts';
import { RunLayouts } from './run-layouts.ts';
import { SeriesByLabels } from '../series/series-by-labels.ts';
import { SeriesCache } from '../series/series-cache.ts';
import type { SeriesNumber } from '../series/series-table.ts';

type Beginning = Readonly<{ nowUs: number; definesAll: boolean }>;

export interface CutRequest {
  drafts: readonly DraftPart[];
  owned: boolean;
}

/**
 * Routes a request's items to partitions by the series as sent and cuts them into parts of
 * bounded size, by a measure of the request alone: every item that can be decoded is measured,
 * whether or not it is admitted, so a retry through any receiver is cut and routed the same way.
 */
export class PartCutter {
  readonly series: SeriesCache;
  /** The same, for protocols that have no bytes of the labels. */
  readonly seriesByLabels: SeriesByLabels;
  /** How requests of the same series were cut before. */
  readonly runLayouts: RunLayouts;
  readonly #tenant: string;
  readonly #partBytesMax: number;
  readonly #builders: readonly PartBuilder[];
  #sealed: DraftPart[] = [];
  #beginning: Beginning = { nowUs: 0, definesAll: false };
  #serial = 0;

  constructor(
    params: Readonly<{
      tenant: string;
      partitions: number;
      partBytesMax: number;
      seriesCountMax: number;
      seriesBytesMax: number;
      definitions: DefinitionSettings;
      onSeriesForgotten: () => void;
    }>,
  ) {
    this.#tenant = params.tenant;
    this.#partBytesMax = params.partBytesMax;
    this.series = new SeriesCache({
      tenant: params.tenant,
      partitions: params.partitions,
      countMax: params.seriesCountMax,
      bytesMax: params.seriesBytesMax,
      onClear: () => {
        for (const builder of this.#builders) builder.forgetSeries();
        this.runLayouts.clear();
        params.onSeriesForgotten();
      },
    });
    this.seriesByLabels = new SeriesByLabels(this.series);
    const { table } = this.series;
    this.runLayouts = new RunLayouts({ table, seriesCountMax: params.seriesCountMax });
    const nextSerial = (): number => (this.#serial += 1);
    this.#builders = Array.from({ length: params.partitions }, (_, partition) => {
      const lane = new LaneDefinitions({ table, settings: params.definitions });
      const bytesMax = params.partBytesMax;
      return new PartBuilder({ partition, bytesMax, table, lane, nextSerial });
    });
  }

  /**
   * The next request begins; drafts of the last one are no longer valid. Whoever `definesAll` has
   * the labels of every series in the log again.
   */
  begin(beginning: Beginning): void {
    this.#beginning = beginning;
    this.restart();
  }

  /** The same request from its first sample on: what was placed of it is forgotten. */
  restart(): void {
    const { nowUs, definesAll } = this.#beginning;
    this.#sealed = [];
    for (const builder of this.#builders) builder.reset(nowUs, definesAll);
  }

  /** Measures an item of `bytes` (the series' own not counted) and tells which part it is for. */
  place(series: SeriesNumber, kind: SampleKind, bytes: number): PartBuilder {
    const builder = this.#builders[this.series.table.partitions[series]!]!;
    let cost = builder.costOf(series, kind, bytes);
    if (builder.measured + cost > this.#partBytesMax && builder.measured > 0) {
      this.#seal(builder, true);
      cost = builder.costOf(series, kind, bytes);
    }
    builder.measure(series, kind, cost);
    return builder;
  }

  /**
   * Measures and places the samples of a run from number `from` on, up to the first that is later
   * than `latestUs`, or so early that its unit is in doubt; returns its number. Numbers stay in
   * their columns: as arguments of a call they would be objects of their own, and thousands of them
   * a request.
   */
  placeRun(
    kind: SampleKind,
    run: ExpectedRun,
    { from, latestUs }: Readonly<{ from: number; latestUs: TimeUs }>,
  ): number {
    const { numbers, timesUs, samples } = run;
    const { partitions } = this.series.table;
    const builders = this.#builders;
    for (let i = from; i < samples; i += 1) {
      const timeUs = timesUs[i]!;
      if (!isUndoubted(timeUs, latestUs)) return i;
      const series = numbers[i]!;
      const builder = builders[partitions[series]!]!;
      if (builder.takeFromRun(series, kind, run, i)) continue;
      this.#seal(builder, true);
      builder.takeFromRun(series, kind, run, i);
    }
    return samples;
  }

  /** A whole part, cut where `place` cut the same samples before. */
  fill(part: LayoutPart, columns: LayoutColumns): void {
    const builder = this.#builders[part.partition]!;
    builder.fill(part, columns);
    if (!part.isLast) this.#seal(builder, true);
  }

  /** Metadata has no series; it goes where one with nothing but the metric's name would. */
  placeMetadata(metadata: MetricMetadata, bytes: number): void {
    const fingerprint = fingerprintOf(this.#tenant, [[METRIC_NAME_LABEL, metadata.metric]]);
    const builder = this.#builders[partitionOf(fingerprint, 0, this.#builders.length)]!;
    if (builder.measured + bytes > this.#partBytesMax && builder.measured > 0) {
      this.#seal(builder, true);
    }
    builder.metadata(metadata, bytes);
  }

  /**
   * All parts of the request that hold something. Unless `owned`, they are valid only until the
   * next `begin`: the copy is saved for all but the requests that were cut.
   */
  finish(): CutRequest {
    const owned = this.#sealed.length > 0;
    for (const builder of this.#builders) if (builder.measured > 0) this.#seal(builder, owned);
    return { drafts: this.#sealed, owned };
  }

  #seal(builder: PartBuilder, copy: boolean): void {
    const draft = builder.seal(copy);
    if (draft !== undefined) this.#sealed.push(draft);
  }
}
