import type { MarkedWindow } from '@millrace/store';
import { WindowFold } from '@millrace/transformer/fold';
import {
  decodeEventsRecord,
  EventsRecordKind,
  FOLD_VERSION,
  type FoldSettings,
} from '@millrace/wire';
import { foldCollected, type Inexact, type WindowLinks } from './fold-collected.ts';
import type { MergedColumns } from './merge-pieces.ts';
import { ALL_SERIES, PartitionCollector, type SeriesRange } from './partition-collector.ts';
import {
  oldestStart,
  partitionStarts,
  type PartitionPlace,
  type PartitionStart,
} from './partition-starts.ts';
import { readEvents } from './read-events.ts';
import { WantedWindows, type EditionRules } from './wanted-windows.ts';

/** What windows hold of one partition, and why some cannot be computed; by number. */
export interface PartitionResult {
  pieces: Map<number, MergedColumns>;
  failed: Map<number, Failure>;
  links: WindowLinks;
}

/** `cut`: records that they need are not held any more. `size`: too many samples at once. */
export type Failure = Inexact | 'cut' | 'size' | 'partial' | 'other_log';

export interface PartitionTask {
  place: PartitionPlace;
  /** Behind the last record that the store has applied. */
  to: number;
  /**
   * Pieces that records behind this partition time changed late may not have come to the store:
   * they wait for the samples that follow.
   */
  recentUs: number;
  editions: readonly EditionRules[];
  settings: FoldSettings;
  samplesMax: number;
  identitiesMax: number;
  /** Whether a window began before its edition did. */
  isPartial: (window: MarkedWindow) => boolean;
  /** Called now and then with how many records were read; whoever gives way waits here. */
  onRead: (records: number) => Promise<void>;
}

/** A window, and where its first piece was opened in the partition. */
export interface PartitionWindow {
  window: MarkedWindow;
  offset: number;
  /** Not only for the sake of others. */
  isAsked: boolean;
}

/** By number. */
export type PartitionWindows = ReadonlyMap<number, Readonly<PartitionWindow>>;

/** Computes what windows hold of one partition, beginning further back as long as that is of use. */
export async function completePartition(
  task: PartitionTask,
  windows: PartitionWindows,
): Promise<PartitionResult> {
  const isAsked = (number: number): boolean => windows.get(number)?.isAsked === true;
  const links = { isAsked, followers: new Map(), missing: new Map() };
  const result: PartitionResult = { pieces: new Map(), failed: new Map(), links };
  for (const number of windows.keys()) result.failed.set(number, 'cut');
  const oldest = await oldestStart(task.place);
  let left = new Map([...windows].filter(([, { offset }]) => offset >= oldest));
  let firstOffset = Infinity;
  let fromUs = Infinity;
  for (const { window, offset } of left.values()) {
    firstOffset = Math.min(firstOffset, offset);
    fromUs = Math.min(fromUs, window.startUs);
  }
  if (left.size === 0) return result;
  for await (const start of partitionStarts(task.place, { firstOffset, fromUs })) {
    const now = new Map(
      [...left].filter(([number, { window }]) => {
        if (start.isEarly || !task.isPartial(window)) return true;
        result.failed.set(number, 'partial');
        return false;
      }),
    );
    const inexact = await computeFrom(task, start, now, result);
    for (const number of now.keys()) {
      const why = inexact.get(number);
      if (why === undefined) result.failed.delete(number);
      else result.failed.set(number, why);
    }
    // Of one that has too many samples there are no fewer from further back on.
    left = new Map(
      [...left].filter(([number]) => (result.failed.get(number) ?? 'size') !== 'size'),
    );
    if (left.size === 0) break;
  }
  for (const number of result.failed.keys()) result.pieces.delete(number);
  return result;
}

/** Reads from one place on, as many times as that takes; tells which windows it was not enough for. */
async function computeFrom(
  task: PartitionTask,
  start: PartitionStart,
  windows: PartitionWindows,
  { pieces, links }: PartitionResult,
): Promise<Map<number, Failure>> {
  const inexact = new Map<number, Failure>();
  if (windows.size === 0) return inexact;
  const wanted = new WantedWindows(
    task.editions,
    new Map([...windows].map(([number, { window }]) => [number, window])),
  );
  const fold = new WindowFold(task.settings, wanted.plans, FOLD_VERSION);
  const tooLarge = new Set<number>();
  let range = ALL_SERIES;
  while (range.from < ALL_SERIES.to) {
    const collector = await collect(task, start, { wanted, range });
    if (!collector.isFull) {
      foldCollected(fold, collector, { inexact: inexact as Map<number, Inexact>, links });
      range = nextTo(range, 2 * collector.held <= task.samplesMax ? 2 : 1);
    } else if (sizeOf(range) > 1) range = partOf(range, collector, task.samplesMax);
    else {
      for (const number of windowsOf(collector)) tooLarge.add(number);
      range = { from: range.to, to: ALL_SERIES.to };
    }
  }
  for (const number of tooLarge) inexact.set(number, 'size');
  for (const slot of fold.pieces.used()) {
    const piece = fold.entry(slot);
    const { edition, fingerprint, widthUs, startUs } = piece;
    pieces.set(wanted.numberOf(edition, fingerprint, widthUs, startUs), piece);
  }
  return inexact;
}

function sizeOf({ from, to }: SeriesRange): number {
  return to - from;
}

function nextTo(range: SeriesRange, factor: number): SeriesRange {
  return { from: range.to, to: Math.min(ALL_SERIES.to, range.to + factor * sizeOf(range)) };
}

/** Half of them; where one series has most of the samples, those before it, or it alone. */
function partOf(
  { from, to }: SeriesRange,
  collector: PartitionCollector,
  samplesMax: number,
): SeriesRange {
  const { at, samples } = collector.largest();
  if (2 * samples < samplesMax) return { from, to: from + Math.ceil((to - from) / 2) };
  return at > from ? { from, to: at } : { from, to: at + 1 };
}

/** Windows that need a series of which there are too many samples. */
function* windowsOf({ series }: PartitionCollector): Generator<number> {
  for (const { targets } of series) for (const { windows } of targets) yield* windows.values();
}

/** It is full when there are more samples than may be held at once; then it has none. */
async function collect(
  task: PartitionTask,
  start: PartitionStart,
  { wanted, range }: Readonly<{ wanted: WantedWindows; range: SeriesRange }>,
): Promise<PartitionCollector> {
  const { place, to, samplesMax, identitiesMax } = task;
  const known = await start.load();
  const collector = new PartitionCollector(wanted, known, { range, identitiesMax });
  let records = 0;
  let newestUs = -Infinity;
  for await (const { payload, appendTimeUs } of readEvents(place, start.position, to)) {
    const record = decodeEventsRecord(payload);
    newestUs = Math.max(newestUs, appendTimeUs);
    if (record.kind === EventsRecordKind.data) collector.take(record, newestUs > task.recentUs);
    if (collector.held > samplesMax) {
      collector.isFull = true;
      if (sizeOf(range) > 1) return collector;
      // Whoever else is in the range has to be known; that is mostly nobody.
      collector.drop();
    }
    records += 1;
    if (records % RECORDS_AT_ONCE === 0) await task.onRead(RECORDS_AT_ONCE);
  }
  await task.onRead(records % RECORDS_AT_ONCE);
  if (!collector.isFull) collector.finish();
  return collector;
}

const RECORDS_AT_ONCE = 64;
