import { readHistory } from '@millrace/control';
import {
  EVERYTHING,
  type CompletedReader,
  type LookedWindow,
  type MarkedWindow,
  type ReadScope,
  type StoredCompleteWindow,
  type WindowName,
} from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { isSameIncrease, otherColumns } from './compare-completed.ts';
import { CompletionTally, type ReasonReport } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';
import { computeWindows, nameOf, type Outcomes } from './compute-windows.ts';
import type { ComputeParts } from './partition-task.ts';

export interface CheckComponents {
  stream: Stream;
  store: CompletedReader;
  /** Whether a window is to be looked at: all of its samples lie in what is read. */
  isWanted: (window: MarkedWindow) => boolean;
  /** Whether windows before it may have been deleted, and then been sent samples. */
  isNearCut: (window: WindowName) => boolean;
  signal?: AbortSignal | undefined;
}

export type CheckSettings = Pick<
  CompleteSettings,
  'windowsMax' | 'samplesMax' | 'identitiesMax' | 'logWaitMsMax'
>;

/** A window that does not show what all samples say. */
export interface CompletedFault {
  /** `gone`: a counter goes on in it from one that was computed again, and its own row is not there. */
  kind: 'differs' | 'gone';
  window: WindowName;
  expected: string;
  found: string;
}

export interface CompletedCheck {
  /** Rows that were compared. */
  compared: number;
  /** The first ones, and how many there are of each kind. */
  faults: readonly CompletedFault[];
  counts: Readonly<Record<CompletedFault['kind'], number>>;
  /** Rows that could not be compared, by why. */
  reasons: readonly ReasonReport[];
  /** Rows of windows that by their partitions' time are not over. */
  notOver: number;
  /** Rows of which the increase alone is another one, as it may rightly be. */
  changedBefore: number;
}

const FAULTS_MAX = 100;

/**
 * Computes windows that were computed again once more, and compares. Rows that are out of date are
 * not looked at: they show as marked. One moment of the store; nothing is changed.
 */
export async function checkCompleted(
  components: CheckComponents,
  settings: CheckSettings,
): Promise<CompletedCheck> {
  const { stream, store, signal } = components;
  const found = new Found();
  let rows = 0;
  for await (const some of store.completed(EVERYTHING)) rows += some.length;
  if (rows > 0) {
    const history = await readHistory(stream, signal);
    const { tally } = found;
    const parts = { stream, signal, settings, history, tally, run: store };
    const slices = Math.ceil(rows / settings.windowsMax);
    for (let slice = 0; slice < slices; slice += 1) {
      signal?.throwIfAborted();
      await checkSlice(components, parts, { of: { ...EVERYTHING, slices, slice }, found });
    }
  }
  return found;
}

class Found implements CompletedCheck {
  readonly tally: CompletionTally = new CompletionTally();
  readonly faults: CompletedFault[] = [];
  readonly counts: Record<CompletedFault['kind'], number> = { differs: 0, gone: 0 };
  compared = 0;
  notOver = 0;
  changedBefore = 0;

  get reasons(): readonly ReasonReport[] {
    return this.tally.reasons();
  }

  add(fault: CompletedFault): void {
    this.counts[fault.kind] += 1;
    if (this.faults.length < FAULTS_MAX) this.faults.push(fault);
  }
}

/** Where only the increase differs, it depends on what has come since to windows before. */
interface Doubt {
  row: WindowName & { run: number };
  fault: CompletedFault;
}

async function checkSlice(
  { store, isWanted, isNearCut }: CheckComponents,
  parts: ComputeParts,
  { of, found }: Readonly<{ of: ReadScope; found: Found }>,
): Promise<void> {
  const rows = new Map<string, StoredCompleteWindow>();
  for await (const some of store.completed(of)) for (const row of some) rows.set(nameOf(row), row);
  if (rows.size === 0) return;
  const { windows } = await store.look([...rows.values()]);
  const isCurrent = (window: LookedWindow): boolean => {
    const row = rows.get(nameOf(window))!;
    return row.pieces === window.pieces && row.samples === window.samples;
  };
  const asked = windows.filter((window) => isCurrent(window) && isWanted(window));
  if (asked.length === 0) return;
  const outcomes = await computeWindows(parts, asked);
  const doubts: Doubt[] = [];
  for (const window of asked) {
    const doubt = compareRow(rows.get(nameOf(window))!, outcomes, found);
    if (doubt !== undefined) doubts.push(doubt);
  }
  doubts.push(...(await goneRows(store, outcomes, { asked, rows })));
  const left = doubts.filter(({ row }) => !isNearCut(row));
  const changed =
    left.length === 0 ? new Set() : await store.changedBefore(left.map(({ row }) => row));
  found.changedBefore += doubts.length - left.length + changed.size;
  for (const [i, { fault }] of left.entries()) if (!changed.has(i)) found.add(fault);
}

/** Tells what is wrong for sure; what may be right all the same it gives back. */
function compareRow(
  row: StoredCompleteWindow,
  outcomes: Outcomes,
  found: Found,
): Doubt | undefined {
  const { whole, why } = outcomes.get(nameOf(row))!;
  // By other settings than it was computed with, it has more inputs than may be remembered.
  const isOther = whole?.marked === true && !row.marked;
  if (whole === undefined || isOther) {
    if (why === 'not_over') found.notOver += 1;
    else found.tally.fail(why ?? 'bounded');
    return undefined;
  }
  found.compared += 1;
  const { columns, expected, found: is } = otherColumns(whole, row);
  if (columns.length === 0) return undefined;
  const { edition, seriesId, widthUs, startUs, run } = row;
  const window = { edition, seriesId, widthUs, startUs };
  const fault: CompletedFault = { kind: 'differs', window, expected, found: is };
  if (columns.every((name) => name === 'increase')) return { row: { ...window, run }, fault };
  found.add(fault);
  return undefined;
}

/** Windows that had to be changed with others, and show what live folding made of them. */
async function goneRows(
  store: CompletedReader,
  outcomes: Outcomes,
  {
    asked,
    rows,
  }: Readonly<{ asked: readonly LookedWindow[]; rows: ReadonlyMap<string, StoredCompleteWindow> }>,
): Promise<Doubt[]> {
  const runs = new Map<string, number>();
  for (const window of asked) {
    const { whole, followers } = outcomes.get(nameOf(window))!;
    // One that was itself computed for the sake of another changes nothing behind it.
    if (whole === undefined || !window.hasMark) continue;
    const { run } = rows.get(nameOf(window))!;
    for (const name of followers) {
      if (!rows.has(name)) runs.set(name, Math.max(run, runs.get(name) ?? 0));
    }
  }
  const wholes = [...runs.keys()].flatMap((name) => outcomes.get(name)?.whole ?? []);
  if (wholes.length === 0) return [];
  const shown = new Map<string, LookedWindow>();
  for (const one of (await store.look(wholes)).windows) shown.set(nameOf(one), one);
  return wholes.flatMap((whole): Doubt[] => {
    const name = nameOf(whole);
    const window = shown.get(name)!;
    // What is marked everybody knows of; what came after it was computed needs no row.
    if (window.isMarked || isSameIncrease(window, whole)) return [];
    const { edition, seriesId, widthUs, startUs, increase } = whole;
    const row = { edition, seriesId, widthUs, startUs, run: runs.get(name)! };
    const texts = { expected: `increase ${increase}`, found: `increase ${window.increase}` };
    return [{ row, fault: { kind: 'gone', window: row, ...texts } }];
  });
}
