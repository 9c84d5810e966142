import type { HeadSamples } from './head-samples.ts';
import type { OrderRoom, SeriesOrder } from './order-room.ts';
import { bucketOf } from './sample-copy.ts';
import { DAY_US, MINUTE_US } from '../layout/time-spans.ts';

/** Samples of one row at most: rows stay small enough to lie in a page as they are. */
export const PACK_SAMPLES_MAX = 240;
/** Minutes between the first and the last sample of a row, as `samples_packed` promises. */
const PACK_US_MAX = 10 * MINUTE_US;

/** Samples cut into rows of `samples_packed`. */
export interface Packs extends SeriesOrder {
  samples: HeadSamples;
  count: number;
  /** Where in `rows` each pack begins; one more than there are. */
  starts: Uint32Array;
}

/** Rows as long as they may be, valid as long as the room is. None crosses the border of a day, where ranges of time may end. */
export function packSamples(samples: HeadSamples, room: OrderRoom): Packs {
  const order = samples.bySeries(room);
  const { rows, times, starts: series } = order;
  const starts = new Uint32Array(rows.length + 1);
  let count = 0;
  for (let i = 0; i + 1 < series.length; i += 1) {
    const to = series[i + 1]!;
    for (let at = series[i]!; at < to; count += 1) {
      starts[count] = at;
      at = endOfPack(times, at, to);
    }
  }
  starts[count] = rows.length;
  return { ...order, samples, count, starts: starts.subarray(0, count + 1) };
}

function endOfPack(times: Float64Array, from: number, to: number): number {
  const first = times[from]!;
  const minuteMax = bucketOf(first) + PACK_US_MAX;
  const dayEnd = (Math.floor(first / DAY_US) + 1) * DAY_US;
  const timeMax = Math.min(minuteMax + MINUTE_US, dayEnd);
  const last = Math.min(to, from + PACK_SAMPLES_MAX);
  let end = from + 1;
  while (end < last && times[end]! < timeMax) end += 1;
  return end;
}

/** The time by which `samples_packed` is cut into ranges. */
export function bucketOfPack({ times, starts }: Packs, pack: number): number {
  return bucketOf(times[starts[pack + 1]! - 1]!);
}
