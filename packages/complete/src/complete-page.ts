import type { RulesHistory } from '@millrace/control';
import { logNumberOf, openedAt } from '@millrace/model';
import type {
  CompleteWindow,
  CompletionRun,
  FailedWindow,
  MarkedWindow,
  MarkedWindows,
  StoredPosition,
} from '@millrace/store';
import { TOPIC_EVENTS } from '@millrace/stream';
import { LIVE_SOURCE } from '@millrace/transformer';
import { planEdition } from '@millrace/transformer/fold';
import type { CompleteComponents } from './complete-marked.ts';
import {
  completePartition,
  type PartitionResult,
  type PartitionTask,
} from './complete-partition.ts';
import type { CompletionTally, Reason } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';
import { editionRules, wholeFrom } from './edition-rules.ts';
import { mergePieces, type PieceColumns } from './merge-pieces.ts';
import { logIdAt } from './partition-starts.ts';
import type { EditionRules } from './wanted-windows.ts';

export interface PageParts extends CompleteComponents {
  settings: CompleteSettings;
  history: RulesHistory;
  run: CompletionRun;
  tally: CompletionTally;
}

/** Completes the windows that were found in one look at the store. */
export async function completePage(parts: PageParts, page: MarkedWindows): Promise<void> {
  const { tally, history, run } = parts;
  const rules = editionRules(history, new Set(page.windows.map(({ edition }) => edition)));
  const live = livePositions(page.positions);
  const windows = new Map<number, MarkedWindow>();
  const failed: Failed[] = [];
  for (const [number, window] of page.windows.entries()) {
    tally.marked += 1;
    if (isNotOver(window, page, { rules, history })) tally.notOver += 1;
    else {
      const why = whyNot(window, { rules, live });
      if (why === undefined) windows.set(number, window);
      else failed.push({ ...window, reason: why });
    }
  }
  const results = await computeAll(parts, page, { windows, rules, live });
  const complete: CompleteWindow[] = [];
  for (const [number, window] of windows) {
    const ofWindow = window.firsts.map(({ partition }) => results.get(partition)!);
    const why = ofWindow.map((one) => one.failed.get(number)).find((one) => one !== undefined);
    if (why === undefined) complete.push(merged(window, number, { ofWindow, rules }));
    else failed.push({ ...window, reason: why });
  }
  await run.replace(complete);
  for (const window of complete) {
    if (window.marked) failed.push({ ...window, reason: 'bounded' });
    else tally.completed += 1;
  }
  await run.fail(failed);
  for (const { reason } of failed) tally.fail(reason);
  parts.onProgress?.({ ...tally.counts, records: tally.records });
}

interface Failed extends FailedWindow {
  reason: Reason;
}

type Rules = ReadonlyMap<number, EditionRules>;

function isNotOver(
  { edition, startUs, widthUs, isOpen }: MarkedWindow,
  { watermarkUs }: MarkedWindows,
  { rules, history }: Readonly<{ rules: Rules; history: RulesHistory }>,
): boolean {
  const rule = rules.get(edition)?.rules.rules.find((one) => one.edition === edition);
  const { retainUs = 0 } = history.newest?.settings ?? {};
  const keptUs = rule?.aggregatesAway === true ? retainUs : 0;
  return isOpen || startUs + widthUs + keptUs > watermarkUs;
}

function whyNot(
  { edition, firsts, isBounded }: MarkedWindow,
  { rules, live }: Readonly<{ rules: Rules; live: ReadonlyMap<number, StoredPosition> }>,
): Reason | undefined {
  if (isBounded) return 'bounded';
  if (!rules.has(edition)) return 'rules';
  const isOfThisLog = firsts.every(
    ({ partition, piece }) => logNumberOf(piece) === live.get(partition)?.logNumber,
  );
  return isOfThisLog ? undefined : 'other_log';
}

/** Of each partition how far the log is applied that it goes on with. */
function livePositions(positions: readonly StoredPosition[]): Map<number, StoredPosition> {
  const newest = new Map<number, StoredPosition>();
  for (const one of positions) {
    if (one.source !== LIVE_SOURCE) continue;
    const known = newest.get(one.partition);
    if (known === undefined || one.logNumber > known.logNumber) newest.set(one.partition, one);
  }
  return newest;
}

interface Found {
  windows: ReadonlyMap<number, MarkedWindow>;
  rules: Rules;
  live: ReadonlyMap<number, StoredPosition>;
}

async function computeAll(
  parts: PageParts,
  page: MarkedWindows,
  { windows, rules, live }: Found,
): Promise<Map<number, PartitionResult>> {
  const { tally } = parts;
  const byPartition = new Map<number, Map<number, { window: MarkedWindow; offset: number }>>();
  for (const [number, window] of windows) {
    for (const { partition, piece } of window.firsts) {
      const mine = byPartition.get(partition) ?? new Map<number, never>();
      byPartition.set(partition, mine);
      mine.set(number, { window, offset: openedAt(piece) });
    }
  }
  const results = new Map<number, PartitionResult>();
  for (const [partition, mine] of byPartition) {
    const task = await taskOf(parts, page, { rules, live: live.get(partition)! });
    tally.noteStart(partition, task?.place.start ?? 0);
    results.set(
      partition,
      task === undefined ? otherLog(mine.keys()) : await completePartition(task, mine),
    );
  }
  return results;
}

function otherLog(numbers: Iterable<number>): PartitionResult {
  return { pieces: new Map(), failed: new Map([...numbers].map((one) => [one, 'other_log'])) };
}

/** Undefined: the log that is there is not the one that was stored. */
async function taskOf(
  parts: PageParts,
  { positions, editions }: MarkedWindows,
  { rules, live }: Readonly<{ rules: Rules; live: StoredPosition }>,
): Promise<PartitionTask | undefined> {
  const { stream, settings, history, tally, signal } = parts;
  const { partition, logId, logNumber } = live;
  const { logWaitMsMax, samplesMax, identitiesMax } = settings;
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  const at = { stream, partition, start, logWaitMsMax, signal };
  const found = await logIdAt(at);
  if (found !== undefined && found !== logId) return undefined;
  // What jobs have put out may be of records that live folding has not put out yet.
  const marks = positions.filter((one) => one.partition === partition && one.logId === logId);
  return {
    place: { ...at, logId, logNumber },
    to: Math.max(...marks.map(({ mark }) => (mark.ordinal > 0 ? mark.offset + 1 : mark.offset))),
    editions: [...rules.values()],
    settings: history.newest!.settings,
    ...{ samplesMax, identitiesMax },
    isPartial: ({ edition, widthUs, startUs }) => startUs < wholeFrom(editions, edition, widthUs),
    onRead: async (records) => {
      tally.records += records;
      signal?.throwIfAborted();
      parts.onProgress?.({ ...tally.counts, records: tally.records });
      await parts.giveWay?.();
    },
  };
}

function merged(
  window: MarkedWindow,
  number: number,
  { ofWindow, rules }: Readonly<{ ofWindow: readonly PartitionResult[]; rules: Rules }>,
): CompleteWindow {
  const { edition, seriesId, widthUs, startUs, pieces, samples } = window;
  const found = ofWindow.flatMap((one) => one.pieces.get(number) ?? []);
  const columns = mergePieces(found.length > 0 ? found : [nothingFolded(rules.get(edition)!)]);
  return { edition, seriesId, widthUs, startUs, pieces, samples, ...columns };
}

/** What a piece says in which there is nothing. */
function nothingFolded({ edition, rules }: EditionRules): PieceColumns {
  const plan = planEdition(rules.rules.find((one) => one.edition === edition)!);
  return {
    count: 0,
    marked: false,
    sum: plan.wantsSum ? 0 : undefined,
    increase: plan.wantsIncrease ? 0 : undefined,
  };
}
