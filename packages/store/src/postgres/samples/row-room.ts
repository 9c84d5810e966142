import { mappedBuffer } from '@millrace/runtime';

/** Time, value, number of the series and flags of a row. */
const ROW_BYTES = 21;
/** Rooms for more rows than that, than any usual batch has, go from hand to hand. */
const LARGE_ROWS = 1_000_000;
/** As many as a thread puts in order at a time: another one is mapped when it is needed. */
const SPARE_MAX = 1;

const spare: RowRoom[] = [];

/** Memory for the rows of a head, in one piece. */
export class RowRoom {
  readonly length: number;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly series: Uint32Array;
  readonly flags: Uint8Array;

  constructor(length: number) {
    const buffer = mappedBuffer(ROW_BYTES * length);
    this.length = length;
    this.times = new Float64Array(buffer, 0, length);
    this.values = new Float64Array(buffer, 8 * length, length);
    this.series = new Uint32Array(buffer, 16 * length, length);
    this.flags = new Uint8Array(buffer, 20 * length, length);
  }

  get bytes(): number {
    return ROW_BYTES * this.length;
  }

  get isLarge(): boolean {
    return this.length > LARGE_ROWS;
  }

  /** A room for `least` rows and more of them, with the first `count` of this one. */
  grown(least: number, count: number): RowRoom {
    const larger = roomFor(least, this.length);
    larger.times.set(this.times.subarray(0, count));
    larger.values.set(this.values.subarray(0, count));
    larger.series.set(this.series.subarray(0, count));
    larger.flags.set(this.flags.subarray(0, count));
    giveRowsBack(this);
    return larger;
  }
}

function roomFor(least: number, before: number): RowRoom {
  // A million may wait in each partition: to double would leave room for as many that never come.
  const length = Math.ceil(Math.max(least, before) * 1.25);
  if (length <= LARGE_ROWS) return new RowRoom(length);
  const found = spare.findIndex((room) => room.length >= least);
  // One that is too small makes way, or as many as ever grew would stay.
  const [room] = spare.splice(found < 0 ? spare.length - 1 : found, 1);
  return room !== undefined && found >= 0 ? room : new RowRoom(length);
}

/** Batches of very many rows did not come of late. */
export function letRowsGo(): void {
  spare.length = 0;
}

/**
 * Nobody looks at these rows any more. Where they are very many they are there only while a batch
 * is packed, which happens in one partition at a time, mostly: the next one takes the same memory.
 */
export function giveRowsBack(room: RowRoom): void {
  if (room.isLarge && spare.length < SPARE_MAX) spare.push(room);
}
