import { SampleFlag, TIME_US_MAX, type SampleKind, type TimeUs } from '@millrace/model';
import {
  otherUnit,
  UNDOUBTED_US,
  type Batch,
  type ExpectedRun,
  type Rejection,
  type RejectReason,
  type TimeUnit,
} from '@millrace/wire';
import type { LayoutColumns, PlainSample } from '../parts/layout-columns.ts';
import type { Layout } from '../parts/layout.ts';
import { SAMPLE_BYTES, type PartBuilder } from '../parts/part-builder.ts';
import type { PartCutter } from '../parts/part-cutter.ts';
import type { Rejections } from './rejections.ts';
import type { SeriesNumber } from '../series/series-table.ts';

/** What admitting a request's samples depends on, beside the request. */
export interface Admission {
  cutter: PartCutter;
  rejections: Rejections;
  /** Samples later than this are refused for now. */
  latestUs: TimeUs;
  /** Of times that may be of another one by mistake; undefined: of these nobody can be in doubt. */
  unit: TimeUnit | undefined;
}

/** What is on the side of a sample: an id or a histogram. */
interface Beside {
  id?: string;
  histogram?: Uint8Array;
}

const NOTHING: Beside = {};
const US_PER_MS = 1000;
/** MessagePack's longest heads for strings and byte strings. */
const SIDE_HEAD_BYTES = 5;

/** One request while it is decoded: its samples are admitted, routed and counted. */
export class RequestDraft {
  readonly #cutter: PartCutter;
  readonly #rejections: Rejections;
  readonly #latestUs: TimeUs;
  readonly #unit: TimeUnit | undefined;
  accepted = 0;
  /** Whether each sample seen so far is told from all others by itself. */
  samplesAreIdentified = true;
  exemplarsDropped = 0;

  constructor(admission: Admission) {
    this.#cutter = admission.cutter;
    this.#rejections = admission.rejections;
    this.#latestUs = Math.min(admission.latestUs, TIME_US_MAX);
    this.#unit = admission.unit;
  }

  /** Excluded for ever: the same sample is refused again, so no part counts it. */
  reject(reason: RejectReason, ordinal: number, detail: () => string): void {
    this.#rejections.add(reason, ordinal, detail);
  }

  /** A sample with nothing beside it, as nearly all are. Nothing is allocated for one. */
  plain(
    ordinal: number,
    series: SeriesNumber,
    kind: SampleKind,
    timeUs: TimeUs,
    value: number,
    flags: number,
  ): void {
    const part = this.#placed(ordinal, series, kind, timeUs, flags, SAMPLE_BYTES);
    if (part === undefined) return;
    part.sample(series, kind, timeUs, value, flags);
    this.accepted += 1;
  }

  /** As `plain`, for each sample of a run. */
  run(firstOrdinal: number, kind: SampleKind, run: ExpectedRun): void {
    const { samples, numbers, timesUs, values } = run;
    const latestUs = this.#latestUs;
    for (let from = 0; ; from += 1) {
      const i = this.#cutter.placeRun(kind, run, { from, latestUs });
      this.accepted += i - from;
      if (i === samples) return;
      this.plain(firstOrdinal + i, numbers[i]!, kind, timesUs[i]!, values[i]!, 0);
      from = i;
    }
  }

  /**
   * As `plain`, for all samples of a batch, which are known to go where the layout says; false, and
   * nothing done, when some of them may not be taken, or not as they are.
   */
  laidOutBatch(layout: Layout, batch: Batch, columns: LayoutColumns): boolean {
    if (!columns.takeBatch(batch, this.#latestUs)) return false;
    this.#fill(layout, columns);
    return true;
  }

  /** The same, of a request that is a sample, which was taken already, and a run behind it. */
  laidOutRun(
    layout: Layout,
    {
      first,
      run,
      columns,
    }: Readonly<{ first: PlainSample; run: ExpectedRun; columns: LayoutColumns }>,
  ): boolean {
    if (!columns.takeRun(first, run, this.#latestUs)) return false;
    this.#cutter.restart();
    this.accepted = 0;
    this.#fill(layout, columns);
    return true;
  }

  #fill({ parts, samples }: Layout, columns: LayoutColumns): void {
    for (const part of parts) this.#cutter.fill(part, columns);
    this.accepted += samples;
  }

  sample(
    ordinal: number,
    series: SeriesNumber,
    kind: SampleKind,
    timeUs: TimeUs,
    value: number,
    flags: number,
    beside: Beside = NOTHING,
  ): void {
    const part = this.#placed(ordinal, series, kind, timeUs, flags, bytesOf(beside));
    if (part === undefined) return;
    part.sample(series, kind, timeUs, value, flags | flagsOf(beside));
    if (beside.id !== undefined) part.id(beside.id);
    if (beside.histogram !== undefined) part.histogram(beside.histogram);
    this.accepted += 1;
  }

  /**
   * Not taken, though releases of before took it: its part counts it, so that no other sample goes
   * elsewhere when the same request comes again through one of those.
   */
  refuse(
    ordinal: number,
    series: SeriesNumber,
    kind: SampleKind,
    { reason, detail }: Rejection,
    beside: Beside = NOTHING,
  ): void {
    this.#cutter.place(series, kind, bytesOf(beside)).refuse();
    this.reject(reason, ordinal, () => detail);
  }

  /** Exemplars are no samples: one that cannot be kept is counted, and never an error. */
  exemplar(
    series: SeriesNumber,
    kind: SampleKind,
    exemplar: Readonly<{ timeUs: TimeUs; value: number; labels: [string, string][] }>,
  ): void {
    if (!(Math.abs(exemplar.timeUs) <= TIME_US_MAX)) {
      this.exemplarsDropped += 1;
      return;
    }
    const part = this.#cutter.place(series, kind, exemplarBytes(exemplar.labels));
    const isTaken =
      exemplar.timeUs <= this.#latestUs && this.#otherUnit(exemplar.timeUs) === undefined;
    if (!isTaken) this.exemplarsDropped += 1;
    else part.exemplar(series, kind, exemplar);
  }

  /** The part of a sample that takes so many bytes; undefined: its time is not taken. */
  #placed(
    ordinal: number,
    series: SeriesNumber,
    kind: SampleKind,
    timeUs: TimeUs,
    flags: number,
    bytes: number,
  ): PartBuilder | undefined {
    if (!(Math.abs(timeUs) <= TIME_US_MAX)) {
      this.#rejectRange(ordinal, timeUs);
      return undefined;
    }
    const part = this.#cutter.place(series, kind, bytes);
    if (timeUs <= UNDOUBTED_US && this.#isOfOtherUnit(part, ordinal, timeUs)) return undefined;
    if (timeUs <= this.#latestUs || (flags & SampleFlag.untimed) !== 0) return part;
    this.#refuseFuture(part, ordinal, timeUs);
    return undefined;
  }

  #rejectRange(ordinal: number, timeUs: TimeUs): void {
    this.reject('time_out_of_range', ordinal, () => {
      return `the time is ${this.#otherUnit(timeUs) ?? `${timeUs / US_PER_MS} ms`}`;
    });
  }

  /**
   * Accepted, it would be deleted as past its retention, without anybody being told of the unit.
   * Releases of before took it, so its part counts it: see `refuse`.
   */
  #isOfOtherUnit(part: PartBuilder, ordinal: number, timeUs: TimeUs): boolean {
    const shown = this.#otherUnit(timeUs);
    if (shown === undefined) return false;
    part.refuse();
    this.reject('time_out_of_range', ordinal, () => `the time is ${shown}`);
    return true;
  }

  #otherUnit(timeUs: TimeUs): string | undefined {
    const unit = this.#unit;
    if (unit === undefined) return undefined;
    return otherUnit(unit === 'milliseconds' ? timeUs / US_PER_MS : timeUs, unit);
  }

  /** A time of ours may be ahead of the clock when that was set back; it is never the sender's. */
  #refuseFuture(part: PartBuilder, ordinal: number, timeUs: TimeUs): void {
    part.refuse();
    this.reject('time_too_far_in_future', ordinal, () => {
      const aheadSeconds = Math.round((timeUs - this.#latestUs) / 1e6);
      return `the time is ${timeUs / 1000} ms, ${aheadSeconds} s beyond what is taken`;
    });
  }
}

function flagsOf(beside: Beside): number {
  if (beside === NOTHING) return 0;
  return (
    (beside.id === undefined ? 0 : SampleFlag.id) |
    (beside.histogram === undefined ? 0 : SampleFlag.histogram)
  );
}

function bytesOf(beside: Beside): number {
  if (beside === NOTHING) return SAMPLE_BYTES;
  const { id, histogram } = beside;
  const idBytes = id === undefined ? 0 : Buffer.byteLength(id) + SIDE_HEAD_BYTES;
  const histogramBytes = histogram === undefined ? 0 : histogram.length + SIDE_HEAD_BYTES;
  return SAMPLE_BYTES + idBytes + histogramBytes;
}

function exemplarBytes(labels: readonly (readonly [string, string])[]): number {
  let bytes = 32;
  for (const [name, value] of labels) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2 * SIDE_HEAD_BYTES;
  }
  return bytes;
}
