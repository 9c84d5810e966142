/** Bits of what is known of a series. */
export const SeriesBit = {
  /** Events came of it; samples with an identity in time; histograms. */
  events: 1,
  timed: 2,
  histograms: 4,
  /** A sample of it got another time than its own, because that was taken. */
  moved: 8,
  /** Rules did not keep it raw, some time. */
  away: 16,
} as const;

/** What the rules in force do with a series: keep it raw, aggregate it away, or drop it. */
export const Kept = { unknown: 0, raw: 1, away: 2, dropped: 3 } as const;
export type Kept = (typeof Kept)[keyof typeof Kept];

const ROOM_MIN = 1024;

/** The series of a log by the two halves of `series_id`: numbered in order of appearance. */
export class SeriesTable {
  #index: Uint32Array = new Uint32Array(2 * ROOM_MIN);
  #size = 0;
  idHigh: Uint32Array = new Uint32Array(ROOM_MIN);
  idLow: Uint32Array = new Uint32Array(ROOM_MIN);
  /** Where it was seen first: its partition, and the number of the record. */
  partitions: Uint16Array = new Uint16Array(ROOM_MIN);
  records: Uint32Array = new Uint32Array(ROOM_MIN);
  /** Number of the tenant. */
  tenants: Uint16Array = new Uint16Array(ROOM_MIN);
  bits: Uint8Array = new Uint8Array(ROOM_MIN);
  /** A `Kept` each, and the rules it was asked of. */
  kept: Uint8Array = new Uint8Array(ROOM_MIN);
  askedOf: Uint32Array = new Uint32Array(ROOM_MIN);

  get size(): number {
    return this.#size;
  }

  find(idHigh: number, idLow: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    for (let i = hashOf(idHigh, idLow) & mask; ; i = (i + 1) & mask) {
      const series = index[i]! - 1;
      if (series < 0) return -1;
      if (this.idLow[series] === idLow && this.idHigh[series] === idHigh) return series;
    }
  }

  /** Adds one that is not there. */
  add(
    idHigh: number,
    idLow: number,
    first: Readonly<{ partition: number; record: number; tenant: number }>,
  ): number {
    if (this.#size === this.idHigh.length) this.#grow();
    const series = this.#size;
    this.#size += 1;
    this.idHigh[series] = idHigh;
    this.idLow[series] = idLow;
    this.partitions[series] = first.partition;
    this.records[series] = first.record;
    this.tenants[series] = first.tenant;
    this.#place(series);
    return series;
  }

  #place(series: number): void {
    const mask = this.#index.length - 1;
    let i = hashOf(this.idHigh[series]!, this.idLow[series]!) & mask;
    while (this.#index[i] !== 0) i = (i + 1) & mask;
    this.#index[i] = series + 1;
  }

  #grow(): void {
    const room = 2 * this.idHigh.length;
    const grow = <T extends Uint8Array | Uint16Array | Uint32Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.idHigh = grow(new Uint32Array(room), this.idHigh);
    this.idLow = grow(new Uint32Array(room), this.idLow);
    this.partitions = grow(new Uint16Array(room), this.partitions);
    this.records = grow(new Uint32Array(room), this.records);
    this.tenants = grow(new Uint16Array(room), this.tenants);
    this.bits = grow(new Uint8Array(room), this.bits);
    this.kept = grow(new Uint8Array(room), this.kept);
    this.askedOf = grow(new Uint32Array(room), this.askedOf);
    this.#index = new Uint32Array(2 * room);
    for (let series = 0; series < this.#size; series += 1) this.#place(series);
  }
}

/** The ids are uniform already. */
function hashOf(idHigh: number, idLow: number): number {
  return (idLow ^ Math.imul(idHigh, 0x9e3779b1)) >>> 0;
}

/** `series_id` as people see it in the store. */
export function seriesIdText(idHigh: number, idLow: number): string {
  return BigInt.asIntN(64, (BigInt(idHigh) << 32n) | BigInt(idLow)).toString();
}
