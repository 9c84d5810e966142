const ROOM_MIN = 4096;

/** Bits of a collected sample beside those of `SampleFlag`. */
export const CollectedFlag = {
  /** It has no identity in time. */
  event: 64,
  /** It lies in no window that is wanted: counters go on from it. */
  neighbour: 128,
} as const;

/** Samples in the order in which they came, as columns: about 40 bytes each with what sorts them. */
export class CollectedSamples {
  count = 0;
  /** Numbers of their series. */
  series: Uint32Array = new Uint32Array(ROOM_MIN);
  times: Float64Array = new Float64Array(ROOM_MIN);
  values: Float64Array = new Float64Array(ROOM_MIN);
  /** When the counter began; NaN: it was not said. */
  starts: Float64Array = new Float64Array(ROOM_MIN);
  flags: Uint8Array = new Uint8Array(ROOM_MIN);
  kinds: Uint8Array = new Uint8Array(ROOM_MIN);

  add(sample: Readonly<CollectedSample>): void {
    const i = this.count;
    if (i === this.times.length) this.#grow();
    this.series[i] = sample.series;
    this.times[i] = sample.timeUs;
    this.values[i] = sample.value;
    this.starts[i] = sample.startUs;
    this.flags[i] = sample.flags;
    this.kinds[i] = sample.kind;
    this.count += 1;
  }

  /** Places of the samples, series by series, each in the order in which it came. */
  bySeries(seriesCount: number): { order: Uint32Array; ends: Uint32Array } {
    const ends = new Uint32Array(seriesCount);
    for (let i = 0; i < this.count; i += 1) ends[this.series[i]!]! += 1;
    let before = 0;
    for (let s = 0; s < seriesCount; s += 1) {
      const size = ends[s]!;
      ends[s] = before;
      before += size;
    }
    const order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i += 1) {
      const s = this.series[i]!;
      order[ends[s]!] = i;
      ends[s]! += 1;
    }
    return { order, ends };
  }

  #grow(): void {
    const room = 2 * this.times.length;
    this.series = copied(this.series, new Uint32Array(room));
    this.times = copied(this.times, new Float64Array(room));
    this.values = copied(this.values, new Float64Array(room));
    this.starts = copied(this.starts, new Float64Array(room));
    this.flags = copied(this.flags, new Uint8Array(room));
    this.kinds = copied(this.kinds, new Uint8Array(room));
  }
}

export interface CollectedSample {
  series: number;
  timeUs: number;
  value: number;
  startUs: number;
  flags: number;
  kind: number;
}

function copied<T extends Uint8Array | Uint32Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
