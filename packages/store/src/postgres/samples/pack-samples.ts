import type { SampleColumns } from '@millrace/wire';
import type { HeadSamples } from './head-samples.ts';
import type { OrderRoom, SeriesOrder } from './order-room.ts';
import { bucketOf } from './sample-copy.ts';
import { DAY_US, MINUTE_US } from '../layout/time-spans.ts';

/** Samples of one row at most: rows stay small enough to lie in a page as they are. */
export const PACK_SAMPLES_MAX = 240;
/** Minutes between the first and the last sample of a row, as `samples_packed` promises. */
const PACK_US_MAX = 10 * MINUTE_US;

/** Samples cut into rows of `samples_packed`, in the order in which they are written. */
export interface Packs extends Pick<SeriesOrder, 'times' | 'values' | 'flags'> {
  samples: HeadSamples;
  count: number;
  /** Number of each pack's series, … */
  series: Uint32Array;
  /** … and where it begins, or where the one before ends: one more than there are packs. */
  starts: Uint32Array;
  /** Bits that any sample has. */
  flagsOfAny: number;
}

/**
 * Rows as long as they may be, valid as long as the room is. None crosses the border of a day,
 * where ranges of time may end.
 */
export function packSamples(samples: HeadSamples, room: OrderRoom): Packs {
  const { times, values, flags, ...order } = samples.bySeries(room);
  const cut = new CutPacks(order.series.length);
  for (let place = 0; place < order.series.length; place += 1) {
    const to = order.starts[place + 1]!;
    for (let at = order.starts[place]!; at < to;) {
      at = endOfPack(times, at, to);
      cut.add(order.series[place]!, at);
    }
  }
  const { count, series, starts } = cut;
  const { flagsOfAny } = samples;
  return { times, values, flags, flagsOfAny, samples, count, series, starts };
}

class CutPacks {
  count = 0;
  series: Uint32Array;
  starts: Uint32Array;

  /** Mostly there is one of each series. */
  constructor(expected: number) {
    this.series = new Uint32Array(expected);
    this.starts = new Uint32Array(expected + 1);
  }

  /** Behind the others, up to there. */
  add(series: number, end: number): void {
    const at = this.count;
    if (at === this.series.length) {
      this.series = grown(this.series, 2 * at);
      this.starts = grown(this.starts, 2 * at + 1);
    }
    this.series[at] = series;
    this.count = at + 1;
    this.starts[at + 1] = end;
  }
}

function grown(before: Uint32Array, length: number): Uint32Array {
  const after = new Uint32Array(length);
  after.set(before);
  return after;
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

/** What these packs hold, as columns of their own. */
export function samplesOfPacks(packs: Packs, some: readonly number[]): SampleColumns {
  const rows = some.flatMap((pack) => {
    const [from, to] = [packs.starts[pack]!, packs.starts[pack + 1]!];
    return Array.from({ length: to - from }, (_, i) => ({
      series: packs.series[pack]!,
      at: from + i,
    }));
  });
  const seriesIds = new Uint8Array(rows.length * 8);
  const view = new DataView(seriesIds.buffer);
  rows.forEach(({ series }, i) => {
    view.setUint32(i * 8, packs.samples.idHigh(series));
    view.setUint32(i * 8 + 4, packs.samples.idLow(series));
  });
  return {
    count: rows.length,
    seriesIds,
    times: Float64Array.from(rows, ({ at }) => packs.times[at]!),
    values: Float64Array.from(rows, ({ at }) => packs.values[at]!),
    flags: Uint8Array.from(rows, ({ at }) => (packs.flagsOfAny === 0 ? 0 : packs.flags[at]!)),
  };
}

/** The time by which `samples_packed` is cut into ranges. */
export function bucketOfPack({ times, starts }: Packs, pack: number): number {
  return bucketOf(times[starts[pack + 1]! - 1]!);
}
