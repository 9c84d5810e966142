import { EXPONENTIAL_SCALE_MAX, exponentialBound, exponentialIndex } from './exponential-bounds.ts';
import { addCounts, ExponentialBuckets } from './exponential-buckets.ts';

const VERSION = 1;
const HEADER_BYTES = 34;
const BUCKET_BYTES = 12;
/** Indices that the buckets of one sign may span before the scale is reduced. */
export const EXPONENTIAL_SPAN_MAX = 160;
/** At this scale every double fits into fewer than `EXPONENTIAL_SPAN_MAX` buckets. */
const SCALE_MIN = -4;

/**
 * A base-2 exponential histogram, as OpenTelemetry's and Prometheus' native ones: at scale s
 * bucket i counts values in (base^i, base^(i + 1)] with base = 2^(2^-s); values below zero are
 * counted by their size, under the same scale. It starts at scale 8 (relative error 0.14 %) and
 * halves its resolution whenever one sign would span more than 160 indices. That scale is the
 * finest at which all values fit, so neither order nor grouping of `add` and `merge` changes
 * the bytes. Source: OpenTelemetry metrics data model, "ExponentialHistogram".
 *
 * Bytes, numbers big-endian:
 *
 *     0       1       2          10         18         26      30      34
 *     ┌───────┬───────┬──────────┬──────────┬──────────┬───────┬───────┬─────────┬─────────┐
 *     │ver = 1│scale  │zeros u64 │+Inf u64  │-Inf u64  │P u32  │N u32  │P buckets│N buckets│
 *     │       │int8   │          │          │          │       │       │> 0      │< 0      │
 *     └───────┴───────┴──────────┴──────────┴──────────┴───────┴───────┴─────────┴─────────┘
 *     bucket: index i32, count u64; only counts above 0, ascending by index
 *
 * NaN is not counted; -0 is a zero. Counts stop at 2^53 - 1.
 */
export class ExponentialHistogram {
  #scale = EXPONENTIAL_SCALE_MAX;
  #zeros = 0;
  #positiveInfinite = 0;
  #negativeInfinite = 0;
  #positive = new ExponentialBuckets();
  #negative = new ExponentialBuckets();

  static empty(): ExponentialHistogram {
    return new ExponentialHistogram();
  }

  get scale(): number {
    return this.#scale;
  }

  /** All values counted. */
  get count(): number {
    let count = addCounts(this.#zeros, this.#positiveInfinite);
    count = addCounts(count, this.#negativeInfinite);
    const add = (_index: number, more: number): void => {
      count = addCounts(count, more);
    };
    this.#positive.forEach(add);
    this.#negative.forEach(add);
    return count;
  }

  /** Counts a value `count` times. RangeError unless `count` is an integer from 1 to 2^53 - 1. */
  add(value: number, count = 1): void {
    if (count < 1 || !Number.isSafeInteger(count)) {
      throw new RangeError(`A histogram counts whole values, not ${count} of them.`);
    }
    if (value === 0) this.#zeros = addCounts(this.#zeros, count);
    else if (value === Infinity) this.#positiveInfinite = addCounts(this.#positiveInfinite, count);
    else if (value === -Infinity) this.#negativeInfinite = addCounts(this.#negativeInfinite, count);
    else if (value > 0) this.#count(true, exponentialIndex(value), count);
    else if (value < 0) this.#count(false, exponentialIndex(-value), count);
  }

  /** Adds all that the other one has counted; the other one stays as it is. */
  merge(other: ExponentialHistogram): void {
    this.#coarsen(this.#scale - other.#scale);
    let shift = other.#scale - this.#scale;
    let positive = shift > 0 ? other.#positive.coarser(shift) : other.#positive;
    let negative = shift > 0 ? other.#negative.coarser(shift) : other.#negative;
    while (
      this.#positive.spanOfUnion(positive) > EXPONENTIAL_SPAN_MAX ||
      this.#negative.spanOfUnion(negative) > EXPONENTIAL_SPAN_MAX
    ) {
      this.#coarsen(1);
      shift += 1;
      positive = other.#positive.coarser(shift);
      negative = other.#negative.coarser(shift);
    }
    positive.forEach((index, count) => this.#positive.add(index, count));
    negative.forEach((index, count) => this.#negative.add(index, count));
    this.#zeros = addCounts(this.#zeros, other.#zeros);
    this.#positiveInfinite = addCounts(this.#positiveInfinite, other.#positiveInfinite);
    this.#negativeInfinite = addCounts(this.#negativeInfinite, other.#negativeInfinite);
  }

  /**
   * The value of rank max(1, ⌈q·count⌉), to within half a bucket: the harmonic mean of its
   * bucket's ends, whose relative error is at most (base - 1) / (base + 1). As in Prometheus NaN
   * when nothing was counted or q is NaN, and an infinity when q is outside [0, 1].
   */
  quantile(q: number): number {
    const count = this.count;
    if (count === 0 || q !== q) return NaN;
    if (q < 0) return -Infinity;
    if (q > 1) return Infinity;
    const rank = Math.max(1, Math.ceil(q * count));
    let seen = this.#negativeInfinite;
    if (seen >= rank) return -Infinity;
    const negative: [index: number, count: number][] = [];
    this.#negative.forEach((index, more) => negative.push([index, more]));
    for (const [index, more] of negative.toReversed()) {
      seen += more;
      if (seen >= rank) return -this.#middle(index);
    }
    seen += this.#zeros;
    if (seen >= rank) return 0;
    let found = Infinity;
    this.#positive.forEach((index, more) => {
      if (seen < rank && seen + more >= rank) found = this.#middle(index);
      seen += more;
    });
    return found;
  }

  encode(): Uint8Array {
    const sizes = [this.#positive, this.#negative].map((buckets) => {
      let size = 0;
      buckets.forEach(() => {
        size += 1;
      });
      return size;
    });
    const [positive, negative] = [sizes[0]!, sizes[1]!];
    const bytes = new Uint8Array(HEADER_BYTES + BUCKET_BYTES * (positive + negative));
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setInt8(1, this.#scale);
    writeCount(view, 2, this.#zeros);
    writeCount(view, 10, this.#positiveInfinite);
    writeCount(view, 18, this.#negativeInfinite);
    view.setUint32(26, positive);
    view.setUint32(30, negative);
    let at = HEADER_BYTES;
    const write = (index: number, count: number): void => {
      view.setInt32(at, index);
      writeCount(view, at + 4, count);
      at += BUCKET_BYTES;
    };
    this.#positive.forEach(write);
    this.#negative.forEach(write);
    return bytes;
  }

  /** RangeError when the bytes are not what `encode` writes. */
  static decode(bytes: Uint8Array): ExponentialHistogram {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    check(bytes.length >= HEADER_BYTES && bytes[0] === VERSION, `not of version ${VERSION}`);
    const [positive, negative] = [view.getUint32(26), view.getUint32(30)];
    check(
      bytes.length === HEADER_BYTES + BUCKET_BYTES * (positive + negative),
      `${bytes.length} bytes long, which does not fit ${positive} and ${negative} buckets`,
    );
    const histogram = new ExponentialHistogram();
    histogram.#scale = view.getInt8(1);
    check(
      histogram.#scale >= SCALE_MIN && histogram.#scale <= EXPONENTIAL_SCALE_MAX,
      `of scale ${histogram.#scale}`,
    );
    histogram.#zeros = readCount(view, 2);
    histogram.#positiveInfinite = readCount(view, 10);
    histogram.#negativeInfinite = readCount(view, 18);
    readBuckets(histogram.#positive, view, { at: HEADER_BYTES, size: positive });
    const at = HEADER_BYTES + BUCKET_BYTES * positive;
    readBuckets(histogram.#negative, view, { at, size: negative });
    return histogram;
  }

  /** `fine` is the index at scale 8. */
  #count(isPositive: boolean, fine: number, count: number): void {
    const index = fine >> (EXPONENTIAL_SCALE_MAX - this.#scale);
    const span = (isPositive ? this.#positive : this.#negative).spanWith(index);
    if (span > EXPONENTIAL_SPAN_MAX) {
      // Not by the span alone: how many indices are left depends on where they begin.
      this.#coarsen(1);
      this.#count(isPositive, fine, count);
      return;
    }
    (isPositive ? this.#positive : this.#negative).add(index, count);
  }

  #coarsen(levels: number): void {
    if (levels <= 0) return;
    this.#scale -= levels;
    this.#positive = this.#positive.coarser(levels);
    this.#negative = this.#negative.coarser(levels);
  }

  #middle(index: number): number {
    const shift = EXPONENTIAL_SCALE_MAX - this.#scale;
    const low = exponentialBound(index * (1 << shift));
    const high = exponentialBound((index + 1) * (1 << shift));
    // Ordered so that nothing on the way is larger than the result or smaller than its half.
    return low === 0 ? high : (low / (1 + low / high)) * 2;
  }
}

const WORD = 0x1_0000_0000;

function writeCount(view: DataView, at: number, count: number): void {
  view.setUint32(at, Math.floor(count / WORD));
  view.setUint32(at + 4, count % WORD);
}

function readCount(view: DataView, at: number): number {
  const count = view.getUint32(at) * WORD + view.getUint32(at + 4);
  check(Number.isSafeInteger(count), 'with a count above 2^53 - 1');
  return count;
}

function readBuckets(
  buckets: ExponentialBuckets,
  view: DataView,
  place: Readonly<{ at: number; size: number }>,
): void {
  let last = -Infinity;
  for (let i = 0; i < place.size; i += 1) {
    const index = view.getInt32(place.at + BUCKET_BYTES * i);
    const count = readCount(view, place.at + BUCKET_BYTES * i + 4);
    check(index > last && count > 0, 'with buckets that are empty or out of order');
    check(buckets.spanWith(index) <= EXPONENTIAL_SPAN_MAX, 'with too many buckets');
    buckets.add(index, count);
    last = index;
  }
}

function check(holds: boolean, fault: string): void {
  if (!holds) throw new RangeError(`The bytes of an exponential histogram are ${fault}.`);
}
