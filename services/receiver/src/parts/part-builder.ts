import type { SampleKind, TimeUs } from '@millrace/model';
import type { DataRecord, MetricMetadata } from '@millrace/wire';
import type { LayoutColumns } from './layout-columns.ts';
import type { LayoutPart } from './layout.ts';
import { Uint32Column } from '../series/column.ts';
import { PartColumns, type SampleColumns } from './part-columns.ts';
import type { LaneDefinitions } from '../series/lane-definitions.ts';
import { PartSeries } from './part-series.ts';
import type { SeriesNumber, SeriesTable } from '../series/series-table.ts';

/** A part before it is known how its request is told from others and which number it gets. */
export type DraftPart = Pick<
  DataRecord,
  | 'part'
  | 'refused'
  | 'fingerprints'
  | 'kinds'
  | 'definitions'
  | 'seriesIndex'
  | 'times'
  | 'values'
  | 'flags'
  | 'ids'
  | 'startTimes'
  | 'histograms'
  | 'exemplars'
  | 'metadata'
> & {
  partition: number;
  /** To be called when the part is durable: its definitions may be left out then. */
  learned: (() => void) | undefined;
};

/** What one sample takes in the columns: index, time, value, flags. */
export const SAMPLE_BYTES: number = 4 + 8 + 8 + 1;

/**
 * The part of one partition that is being filled. Measuring and filling are separate: a part is
 * measured with all samples the request has for it, filled with those that are admitted, so
 * that a retry of which fewer are refused is cut at the same places.
 */
export class PartBuilder {
  readonly #partition: number;
  readonly #bytesMax: number;
  readonly #table: SeriesTable;

  /** Upper bound of the record's bytes, without its header. */
  measured = 0;
  /** Samples of the request in this part, refused ones included. */
  #ordinals = 0;
  #part = 0;
  /** Kind of the series measured last; -1: none yet. */
  #lastKind = -1;
  /** Its number, as long as numbers mean the same; -1: its fingerprint is kept instead. */
  #lastSeries: SeriesNumber = -1;
  readonly #lastFingerprint = new Uint32Array(4);

  readonly #lane: LaneDefinitions;
  readonly #series: PartSeries;
  readonly #refused = new Uint32Column();
  readonly #samples = new PartColumns();
  #ids: string[] = [];
  #histograms: Uint8Array[] = [];
  #exemplars: DataRecord['exemplars'] = [];
  #metadata: MetricMetadata[] = [];
  /** What the part was filled by, if it was. */
  #layout: LayoutPart | undefined;

  constructor(
    params: Readonly<{
      partition: number;
      /** Of a part, as it is measured. */
      bytesMax: number;
      table: SeriesTable;
      lane: LaneDefinitions;
      nextSerial: () => number;
    }>,
  ) {
    this.#partition = params.partition;
    this.#bytesMax = params.bytesMax;
    this.#table = params.table;
    this.#lane = params.lane;
    this.#series = new PartSeries(params);
  }

  /** What the next item of `series` would add to the measure. */
  costOf(series: SeriesNumber, kind: SampleKind, itemBytes: number): number {
    if (this.#continues(series, kind)) return itemBytes;
    return itemBytes + this.#table.definitionBytes[series]!;
  }

  /** Counts an item of `series` into the measure; `cost` is what `costOf` gave for it. */
  measure(series: SeriesNumber, kind: SampleKind, cost: number): void {
    this.measured += cost;
    this.#lastKind = kind;
    this.#lastSeries = series;
  }

  /** The next sample of the request is refused for a reason that may pass. */
  refuse(): void {
    this.#refused.push(this.#ordinals);
    this.#ordinals += 1;
  }

  sample(
    series: SeriesNumber,
    kind: SampleKind,
    timeUs: TimeUs,
    value: number,
    flags: number,
  ): void {
    this.#ordinals += 1;
    this.#samples.push(this.#series.rowOf(series, kind), timeUs, value, flags);
  }

  /**
   * `costOf`, `measure` and `sample` of the value number `i` of a run, with nothing beside it, in
   * one; false, and nothing done, when the part would have more than its bytes with it.
   */
  takeFromRun(series: SeriesNumber, kind: SampleKind, run: SampleColumns, i: number): boolean {
    const { measured } = this;
    const sum = measured + this.costOf(series, kind, SAMPLE_BYTES);
    if (sum > this.#bytesMax && measured > 0) return false;
    this.measured = sum;
    this.#lastKind = kind;
    this.#lastSeries = series;
    this.#ordinals += 1;
    this.#samples.pushOf(this.#series.rowOf(series, kind), run, i);
    return true;
  }

  /** All of a part that is empty yet. Where it ends was measured when its layout was made. */
  fill(part: LayoutPart, columns: LayoutColumns): void {
    const samples = part.ordinals.length;
    this.measured = samples * SAMPLE_BYTES;
    this.#ordinals = samples;
    this.#layout = part;
    this.#series.fill(part);
    this.#samples.fill(part, columns);
  }

  /** The id of the sample that was just added with SampleFlag.id. */
  id(id: string): void {
    this.#ids.push(id);
  }

  /** Canonical bytes of the histogram that was just added with SampleFlag.histogram. */
  histogram(bytes: Uint8Array): void {
    this.#histograms.push(bytes);
  }

  exemplar(
    series: SeriesNumber,
    kind: SampleKind,
    exemplar: Omit<DataRecord['exemplars'][number], 'seriesIndex'>,
  ): void {
    this.#exemplars.push({ seriesIndex: this.#series.rowOf(series, kind), ...exemplar });
  }

  metadata(metadata: MetricMetadata, cost: number): void {
    this.measured += cost;
    this.#metadata.push(metadata);
  }

  /** Series and symbols get other numbers; what is in the part already stays as it is. */
  forgetSeries(): void {
    if (this.#lastSeries >= 0) {
      const { fingerprints } = this.#table;
      const from = this.#lastSeries * 4;
      this.#lastFingerprint.set(fingerprints.subarray(from, from + 4));
      this.#lastSeries = -1;
    }
    this.#series.forgetNumbers();
  }

  /**
   * The part as it stands, undefined when nothing of it was kept; the next part begins. With
   * `copy` the draft stays valid, without until the builder is used again.
   */
  seal(copy: boolean): DraftPart | undefined {
    const draft = this.#draft();
    const layout = this.#layout;
    this.#begin(this.#part + 1);
    const kept = draft.times.length + draft.exemplars.length + draft.metadata.length > 0;
    if (!kept) return undefined;
    return copy ? copied(draft, layout) : draft;
  }

  /** The next request begins; what is left of an abandoned one is forgotten. */
  reset(nowUs: number, definesAll: boolean): void {
    this.#lane.begin(nowUs, definesAll);
    this.#begin(0);
  }

  #begin(part: number): void {
    this.#part = part;
    this.measured = 0;
    this.#ordinals = 0;
    this.#lastKind = -1;
    this.#lastSeries = -1;
    this.#series.begin();
    this.#refused.length = 0;
    this.#samples.length = 0;
    this.#ids = [];
    this.#histograms = [];
    this.#exemplars = [];
    this.#metadata = [];
    this.#layout = undefined;
  }

  /**
   * Whether the series is the one measured last, told by its fingerprint: its number may be
   * another one, because it was sent in other words or the cache forgot it in between, and the
   * cut must not show that.
   */
  #continues(series: SeriesNumber, kind: SampleKind): boolean {
    if (this.#lastKind !== kind) return false;
    if (this.#lastSeries === series) return true;
    const { fingerprints } = this.#table;
    const last = this.#lastSeries < 0 ? this.#lastFingerprint : fingerprints;
    const lastFrom = this.#lastSeries < 0 ? 0 : this.#lastSeries * 4;
    const from = series * 4;
    // The first word tells nearly all apart.
    if (last[lastFrom] !== fingerprints[from]) return false;
    for (let i = 1; i < 4; i += 1) {
      if (last[lastFrom + i] !== fingerprints[from + i]) return false;
    }
    return true;
  }

  #draft(): DraftPart {
    const series = this.#series.view();
    return {
      partition: this.#partition,
      learned: this.#lane.seal(series.definitions.rows.length),
      part: this.#part,
      refused: this.#refused.view(),
      ...series,
      ...this.#samples.view(),
      ids: this.#ids,
      startTimes: NO_START_TIMES,
      histograms: this.#histograms,
      exemplars: this.#exemplars,
      metadata: this.#metadata,
    };
  }
}

// No protocol of today carries start times; the column is there for those that will.
const NO_START_TIMES = new Float64Array(0);

/** What a layout has stays as it is, and needs no copy. */
function copied(draft: DraftPart, layout: LayoutPart | undefined): DraftPart {
  const { definitions } = draft;
  return {
    ...draft,
    refused: draft.refused.slice(),
    fingerprints: layout === undefined ? draft.fingerprints.slice() : bytesOf(layout.fingerprints),
    kinds: layout === undefined ? draft.kinds.slice() : layout.kinds,
    definitions: {
      rows: definitions.rows.slice(),
      symbolBytes: definitions.symbolBytes.slice(),
      symbolLengths: definitions.symbolLengths.slice(),
      labelCounts: definitions.labelCounts.slice(),
      labelRefs: definitions.labelRefs.slice(),
    },
    seriesIndex: layout === undefined ? draft.seriesIndex.slice() : layout.rows,
    times: draft.times.slice(),
    values: draft.values.slice(),
    flags: draft.flags.slice(),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
