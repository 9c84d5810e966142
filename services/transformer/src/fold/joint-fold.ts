import { SampleKind } from '@millrace/model';
import type { DataRecord } from '@millrace/wire';
import { PIECE_FIELDS, PieceField } from '../memory/piece-memory.ts';
import { increaseBetween } from './increase.ts';
import { JointGroup, type JointColumn } from './joint-group.ts';
import type { FoldTables } from './partition-state.ts';
import {
  foldValue,
  WANTS_INCREASE,
  WANTS_MAX,
  WANTS_MIN,
  WANTS_SUM,
  wantsOf,
} from './quick-windows.ts';
import { RecordLayouts, type RecordLayout } from './record-layouts.ts';
import type { SeriesPlacement } from './series-placement.ts';
import { maxOf, minOf } from './window-fold.ts';

/** Fewer samples of each series, on an average, are folded one record after the other. */
export const ROWS_MIN = 2;
const RECORDS_MAX = 1024;

// As in `quick-windows.ts`: to the engine these are numbers.
const PIECE_SHIFT = Math.log2(PIECE_FIELDS);
const COUNT = PieceField.count;
const SUM = PieceField.sum;
const MIN = PieceField.min;
const MAX = PieceField.max;
const FIRST = PieceField.first;
const FIRST_TIME_US = PieceField.firstTimeUs;
const LAST = PieceField.last;
const LAST_TIME_US = PieceField.lastTimeUs;
const INCREASE = PieceField.increase;

/** When a record was folded. */
interface Moment {
  partitionTimeUs: number;
  offset: number;
}

/**
 * Folds plain records that follow one another together: where senders repeat the same series in
 * the same order, what is looked up of a series, and what is remembered of it, is so once for many
 * samples, which then are a handful of sums. Only for what puts out nothing sample by sample, as
 * jobs do. It decides nothing of its own: `add` changes nothing but caches, and takes a record only
 * where all its samples are usual to `QuickFold`; what they become is the same to the bit.
 *
 * INVARIANT: each piece gets its samples in the order of the log. A series is in one layout of
 * those at hand, and its own pieces get its samples in their order; into pieces of outputs, which
 * many series share, records are folded one after the other. Which is which is the same for all,
 * because they are of one shape.
 */
export class JointFold {
  readonly #tables: FoldTables;
  readonly #layouts = new RecordLayouts();
  readonly #groups = new Map<RecordLayout, JointGroup>();
  /** Of each record at hand: its group, where its values begin, its time. */
  readonly #groupOf: JointGroup[] = [];
  readonly #starts = new Int32Array(RECORDS_MAX);
  readonly #times = new Float64Array(RECORDS_MAX);
  #count = 0;
  /** Of all records at hand; increases stand where values do. */
  #values: Float64Array = new Float64Array(0);
  #increases: Float64Array = new Float64Array(0);
  #placement: SeriesPlacement | undefined;
  #columns: readonly JointColumn[] = [];
  /** By slot of a series: when it was found in a layout at hand the last time. */
  #found = new Float64Array(256);
  #turn = 0;
  #hasLooked = false;
  /** No record at hand has a partition time at or above it. */
  #untilUs = -Infinity;
  /** Of the records of a group: where their values begin, and their times. */
  readonly #rowStarts = new Int32Array(RECORDS_MAX);
  readonly #rowTimes = new Float64Array(RECORDS_MAX);

  constructor(tables: FoldTables) {
    this.#tables = tables;
  }

  /** Records are to be added whose partition time is before this. */
  begin(untilUs: number): void {
    this.#groups.clear();
    this.#groupOf.length = 0;
    this.#count = 0;
    this.#placement = undefined;
    this.#turn += 1;
    this.#hasLooked = false;
    this.#untilUs = untilUs;
  }

  /** What rules do with the series at hand. Legal once a record was added. */
  get placement(): SeriesPlacement {
    return this.#placement!;
  }

  /** Of a record that was added. */
  timeUs(number: number): number {
    return this.#times[number]!;
  }

  /** Of a record that was added the fingerprints of its series, four lanes each. */
  keys(number: number): Uint32Array {
    return this.#groupOf[number]!.layout.keys;
  }

  /** Whether series were looked at since it began: all else that is asked costs nothing. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  /** Whether there is so much of each series that it is worth it. */
  get isWorthIt(): boolean {
    return this.#count > 0 && this.#count >= ROWS_MIN * this.#groups.size;
  }

  /** True: it may be folded together with those that were added before. Otherwise it is not added. */
  add(record: DataRecord): boolean {
    const { values, times, kinds } = record;
    const number = this.#count;
    if (number === RECORDS_MAX || !isPlain(record)) return false;
    // One memory is looked up once: a room holds the columns of many records.
    if (number === 0) this.#adopt(values);
    else if (values.buffer !== this.#values.buffer) return false;
    const timeUs = times[0]!;
    const kind = kinds[0]!;
    const layout = this.#layouts.of(record.fingerprints);
    const group = this.#groups.get(layout) ?? this.#lookAt(layout, kind, timeUs);
    if (group?.takes(kind, timeUs) !== true) return false;
    if (group.rows.length === 0) this.#groups.set(layout, group);
    group.add(number, timeUs);
    this.#groupOf.push(group);
    this.#starts[number] = values.byteOffset / values.BYTES_PER_ELEMENT;
    this.#times[number] = timeUs;
    this.#count = number + 1;
    return true;
  }

  /** Takes back all that were added behind the first `count`. */
  cut(count: number): void {
    this.#count = count;
    for (const [layout, group] of this.#groups) {
      if (!group.cut(count)) this.#groups.delete(layout);
    }
  }

  /** Folds what was added; `moments`: of each record, and perhaps of more. */
  fold(moments: readonly Moment[]): void {
    const groups = [...this.#groups.values()].toSorted((a, b) => a.lastRow - b.lastRow);
    for (const group of groups) {
      this.#takeRows(group);
      this.#remember(group, moments[group.lastRow]!.partitionTimeUs);
      for (const column of this.#columns) if (column.isOwn) this.#foldOwn(group, column);
    }
    for (const column of this.#columns) if (!column.isOwn) this.#foldOutputs(column);
    const { windows } = this.#tables;
    // Of what several touch the last one stays.
    for (const { pieces, series, lastRow } of groups) {
      windows.touchAll(pieces, 0, this.#columns.length * series, moments[lastRow]!);
    }
  }

  #adopt({ buffer }: Float64Array): void {
    if (this.#values.buffer === buffer) return;
    this.#values = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
    this.#increases = new Float64Array(this.#values.length);
  }

  #lookAt(layout: RecordLayout, kind: number, timeUs: number): JointGroup | undefined {
    this.#hasLooked = true;
    const { series } = this.#tables;
    const slots = series.seen.data.length;
    if (this.#found.length < slots) {
      const grown = new Float64Array(slots);
      grown.set(this.#found);
      this.#found = grown;
    }
    const group = new JointGroup(layout, kind);
    const placement = group.find(this.#tables, {
      found: this.#found,
      turn: this.#turn,
      untilUs: this.#untilUs,
      expected: this.#placement,
    });
    if (placement === undefined) return undefined;
    if (this.#placement === undefined) {
      this.#placement = placement;
      this.#columns = columnsOf(placement);
    }
    const isUsual =
      group.lookAtTimes(series, timeUs) && group.findPieces(this.#tables, this.#columns);
    return isUsual ? group : undefined;
  }

  #takeRows({ rows }: JointGroup): void {
    for (let k = 0; k < rows.length; k += 1) {
      this.#rowStarts[k] = this.#starts[rows[k]!]!;
      this.#rowTimes[k] = this.#times[rows[k]!]!;
    }
  }

  /** As `QuickFold` remembers one sample after the other; all series are full. */
  #remember(group: JointGroup, atUs: number): void {
    const { rows, kind, series: length, canGrow } = group;
    const { slots } = group.layout;
    const { series } = this.#tables;
    const { width } = series;
    const heads = series.head.data;
    const shortest = series.shortest.data;
    const floors = series.floor.data;
    const floorValues = series.floorValue.data;
    const seenTimes = series.times.data;
    const seenValues = series.values.data;
    const [starts, times, values] = [this.#rowStarts, this.#rowTimes, this.#values];
    const count = rows.length;
    const kept = Math.max(0, count - width);
    const stepUs = shortestStep(times, count);
    if (this.#placement!.wantsIncrease && canGrow)
      this.#findIncreases(slots, { length, count, kind });
    for (let j = 0; j < length; j += 1) {
      const slot = slots[j]!;
      const first = slot * width;
      let place = heads[slot]!;
      const newestUs = seenTimes[first + (place === 0 ? width : place) - 1]!;
      const shortestUs = Math.min(stepUs, times[0]! - newestUs);
      if (shortestUs < shortest[slot]!) shortest[slot] = shortestUs;
      // The last one that goes may be one of these samples.
      const gone = first + ((place + count - 1) % width);
      const isOfThese = count > width;
      floors[slot] = isOfThese ? times[kept - 1]! : seenTimes[gone]!;
      floorValues[slot] = isOfThese ? values[starts[kept - 1]! + j]! : seenValues[gone]!;
      place = (place + kept) % width;
      for (let k = kept; k < count; k += 1) {
        seenTimes[first + place] = times[k]!;
        seenValues[first + place] = values[starts[k]! + j]!;
        place = place + 1 === width ? 0 : place + 1;
      }
      heads[slot] = place;
      series.touch(slot, atUs);
    }
  }

  /** What each sample adds to the increase of its windows. Before they are remembered. */
  #findIncreases(
    slots: Int32Array,
    { length, count, kind }: Readonly<{ length: number; count: number; kind: number }>,
  ): void {
    const { series } = this.#tables;
    const { width } = series;
    const [starts, times, values] = [this.#rowStarts, this.#rowTimes, this.#values];
    const increases = this.#increases;
    const heads = series.head.data;
    const lastStarts = series.start.data;
    const seenTimes = series.times.data;
    const seenValues = series.values.data;
    const isDelta = kind === SampleKind.delta;
    for (let j = 0; j < length; j += 1) {
      const slot = slots[j]!;
      const head = heads[slot]!;
      const newest = slot * width + (head === 0 ? width : head) - 1;
      const startUs = lastStarts[slot]!;
      let previousUs = seenTimes[newest]!;
      let previous = seenValues[newest]!;
      for (let k = 0; k < count; k += 1) {
        const at = starts[k]! + j;
        const timeUs = times[k]!;
        const value = values[at]!;
        if (isDelta) increases[at] = value;
        else increases[at] = increaseBetween(previousUs, previous, timeUs, value, startUs);
        previousUs = timeUs;
        previous = value;
      }
    }
  }

  /** All samples of each series into the piece of its own. */
  #foldOwn(group: JointGroup, { number, wants: wanted }: JointColumn): void {
    const { pieces, rows, series: length } = group;
    const wants = wantsOfGroup(group, wanted);
    const grows = (wants & WANTS_INCREASE) !== 0;
    const numbers = this.#tables.windows.pieces.numbers.data;
    const [starts, times] = [this.#rowStarts, this.#rowTimes];
    const [values, increases] = [this.#values, this.#increases];
    const count = rows.length;
    const firstUs = times[0]!;
    const lastUs = times[count - 1]!;
    for (let j = 0; j < length; j += 1) {
      const n = pieces[number * length + j]! << PIECE_SHIFT;
      let sum = numbers[n + SUM]!;
      let min = numbers[n + MIN]!;
      let max = numbers[n + MAX]!;
      let increase = numbers[n + INCREASE]!;
      for (let k = 0; k < count; k += 1) {
        const at = starts[k]! + j;
        const value = values[at]!;
        sum += value;
        if (!(value >= min)) min = minOf(min, value);
        if (!(value <= max)) max = maxOf(max, value);
        if (grows) increase += increases[at]!;
      }
      numbers[n + COUNT]! += count;
      if ((wants & WANTS_SUM) !== 0) numbers[n + SUM] = sum;
      if ((wants & WANTS_MIN) !== 0) numbers[n + MIN] = min;
      if ((wants & WANTS_MAX) !== 0) numbers[n + MAX] = max;
      if (grows) numbers[n + INCREASE] = increase;
      // They ascend: only the first may be before what was first, and the last is the last.
      if (firstUs < numbers[n + FIRST_TIME_US]!) {
        numbers[n + FIRST_TIME_US] = firstUs;
        numbers[n + FIRST] = values[starts[0]! + j]!;
      }
      if (lastUs >= numbers[n + LAST_TIME_US]!) {
        numbers[n + LAST_TIME_US] = lastUs;
        numbers[n + LAST] = values[starts[count - 1]! + j]!;
      }
    }
  }

  /** Record by record into pieces that several series share. */
  #foldOutputs({ number, wants: wanted }: JointColumn): void {
    const numbers = this.#tables.windows.pieces.numbers.data;
    const [values, increases] = [this.#values, this.#increases];
    for (let record = 0; record < this.#count; record += 1) {
      const group = this.#groupOf[record]!;
      const { pieces, series } = group;
      const wants = wantsOfGroup(group, wanted);
      const start = this.#starts[record]!;
      const timeUs = this.#times[record]!;
      const begin = number * series;
      for (let j = 0; j < series; j += 1) {
        const n = pieces[begin + j]! << PIECE_SHIFT;
        foldValue(numbers, n, wants, timeUs, values[start + j]!, increases[start + j]!);
      }
    }
  }
}

/** What no sample adds to is left as it is: increases of these were not looked for. */
function wantsOfGroup({ canGrow }: JointGroup, wants: number): number {
  return canGrow ? wants : wants & ~WANTS_INCREASE;
}

/** One sample of each series, all of one time and kind, with a value and nothing beside. */
function isPlain(record: DataRecord): boolean {
  const { refused, flags, seriesIndex, times, kinds, definitions } = record;
  const { length } = flags;
  if (length === 0 || kinds.length !== length || refused.length > 0) return false;
  if (definitions.rows.length > 0 || record.exemplars.length > 0 || record.metadata.length > 0) {
    return false;
  }
  const timeUs = times[0];
  const kind = kinds[0];
  if (kind === SampleKind.event) return false;
  for (let i = 0; i < length; i += 1) {
    if (flags[i] !== 0 || seriesIndex[i] !== i) return false;
    if (times[i] !== timeUs || kinds[i] !== kind) return false;
  }
  return true;
}

function columnsOf({ all }: SeriesPlacement): JointColumn[] {
  let number = 0;
  return all.flatMap(({ plan, output, lane }, targetNumber) => {
    const wants = wantsOf(plan);
    return plan.widthsUs.map((widthUs, widthNumber) => ({
      ...{ number: number++, targetNumber, widthNumber, widthUs, wants, lane },
      ...{ isOwn: output === undefined, stride: 2 * plan.widthsUs.length, plan },
    }));
  });
}

function shortestStep(times: Float64Array, count: number): number {
  let shortestUs = Infinity;
  for (let k = 1; k < count; k += 1) {
    const stepUs = times[k]! - times[k - 1]!;
    if (stepUs < shortestUs) shortestUs = stepUs;
  }
  return shortestUs;
}
