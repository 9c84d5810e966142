import type { RulesHistory } from '@millrace/control';
import { logNumberOf, openedAt } from '@millrace/model';
import type {
  CompleteWindow,
  MarkedWindow,
  MarkedWindows,
  StoredPosition,
  WindowName,
} from '@millrace/store';
import { planEdition } from '@millrace/transformer/fold';
import { LIVE_SOURCE } from '@millrace/wire';
import {
  completePartition,
  type PartitionResult,
  type PartitionWindow,
} from './complete-partition.ts';
import type { Reason } from './complete-report.ts';
import { editionRules } from './edition-rules.ts';
import type { MissingWindow } from './fold-collected.ts';
import { mergePieces, type MergedColumns } from './merge-pieces.ts';
import { SECOND_US, taskOf, type ComputeParts } from './partition-task.ts';
import type { EditionRules } from './wanted-windows.ts';

/** What became of a window. */
export interface Outcome {
  window: MarkedWindow;
  /** Undefined: it is not to be changed. */
  whole: CompleteWindow | undefined;
  /** Then why not. */
  why: Reason | 'not_over' | undefined;
  /** Windows that have to be changed with it. */
  followers: readonly string[];
  /** Those of them that live folding puts out once more, or that are still to come. */
  notOver: ReadonlySet<string>;
}

export type Outcomes = ReadonlyMap<string, Outcome>;

/** How often windows are looked for that follow others. */
const LOOKS_MAX = 4;

/**
 * Computes windows, and those in which counters go on from them: what a late sample adds to its own
 * window it takes from that of the next one. They follow where they are, mostly the next in time.
 */
export async function computeWindows(
  parts: ComputeParts,
  wanted: readonly WindowName[],
): Promise<Outcomes> {
  const names = new Map(wanted.map((name) => [nameOf(name), name]));
  const asked: ReadonlySet<string> = new Set(names.keys());
  const rules = editionRules(parts.history, new Set(wanted.map(({ edition }) => edition)));
  for (const { startUs, ...name } of wanted) {
    if (!hasIncrease(rules.get(name.edition))) continue;
    const next = { ...name, startUs: startUs + name.widthUs };
    names.set(nameOf(next), next);
  }
  for (let look = 1; ; look += 1) {
    const looked = await parts.run.look([...names.values()]);
    const { outcomes, missing } = await computeLooked(parts, looked, { rules, asked });
    const more = missing.filter((name) => !names.has(nameOf(name)));
    if (more.length === 0 || look === LOOKS_MAX) return settled(outcomes, names);
    for (const name of more) names.set(nameOf(name), name);
  }
}

export function nameOf({ edition, seriesId, widthUs, startUs }: WindowName): string {
  return `${edition} ${Buffer.from(seriesId).toString('hex')} ${widthUs} ${startUs}`;
}

/**
 * A window stays as it is where another one cannot be changed that follows it and is not marked: of
 * that nobody would know that it counts twice what the window would have. It waits for one that is
 * not over, marked or not, or not there yet: live folding will put it out once more. For one that
 * is over and marked it does not wait, which may never be changed: that shows so until it is.
 */
function settled(outcomes: Map<string, Outcome>, names: ReadonlyMap<string, WindowName>): Outcomes {
  for (let hasChanged = true; hasChanged;) {
    hasChanged = false;
    for (const [name, outcome] of outcomes) {
      if (outcome.whole === undefined) continue;
      const { followers, notOver } = outcome;
      const why = followers
        .map((one) => (notOver.has(one) ? 'not_over' : whyStays(one, outcomes, names)))
        .find((one) => one !== undefined);
      if (why === undefined) continue;
      const mine = why === 'not_over' ? why : 'followed';
      outcomes.set(name, { ...outcome, whole: undefined, why: mine });
      hasChanged = true;
    }
  }
  return outcomes;
}

function whyStays(
  name: string,
  outcomes: Outcomes,
  names: ReadonlyMap<string, WindowName>,
): Outcome['why'] {
  const outcome = outcomes.get(name);
  // One that was looked for and has no pieces is shown to nobody, or it is marked: its turn comes.
  if (outcome === undefined) return names.has(name) ? undefined : 'not_over';
  return outcome.window.isMarked ? undefined : outcome.why;
}

const ALONE = { followers: [], notOver: new Set<string>() };

type Rules = ReadonlyMap<number, EditionRules>;

async function computeLooked(
  parts: ComputeParts,
  looked: MarkedWindows,
  { rules, asked }: Readonly<{ rules: Rules; asked: ReadonlySet<string> }>,
): Promise<{ outcomes: Map<string, Outcome>; missing: WindowName[] }> {
  const { history } = parts;
  const live = livePositions(looked.positions);
  const outcomes = new Map<string, Outcome>();
  const windows = new Map<number, MarkedWindow>();
  const names = new Set(looked.windows.map(nameOf));
  const open = new Set<string>();
  for (const [number, window] of looked.windows.entries()) {
    const isOver = !isNotOver(window, looked, { rules, history });
    if (!isOver) open.add(nameOf(window));
    // Of what is marked everybody knows, and its turn comes.
    if (window.isMarked && !asked.has(nameOf(window))) continue;
    const why = isOver ? whyNot(window, { rules, live }) : 'not_over';
    if (why === undefined) windows.set(number, window);
    else outcomes.set(nameOf(window), { window, whole: undefined, why, ...ALONE });
  }
  const results = await computePartitions(parts, looked, { windows, rules, live, asked });
  const missing: WindowName[] = [];
  for (const [number, window] of windows) {
    const ofWindow = window.firsts.map(({ partition }) => results.get(partition)!);
    const why = ofWindow.map((one) => one.failed.get(number)).find((one) => one !== undefined);
    const whole = why === undefined ? merged(window, number, { ofWindow, rules }) : undefined;
    const lacking = ofWindow.flatMap(({ links }) => links.missing.get(number) ?? []);
    const known = ofWindow.flatMap(({ links }) => [...(links.followers.get(number) ?? [])]);
    const followers = [...lacking, ...known.map((one) => looked.windows[one]!)].map(nameOf);
    const waiting = lacking.filter((one) => {
      const name = nameOf(one);
      return names.has(name) ? open.has(name) : isToCome(one, looked);
    });
    const notOver = new Set(waiting.map(nameOf));
    if (why === undefined) missing.push(...lacking);
    outcomes.set(nameOf(window), { window, whole, why, followers, notOver });
  }
  return { outcomes, missing };
}

/**
 * One that is not in the store: live folding may have pieces of it that it has not put out, late
 * ones, or in time, which are finished at whole seconds.
 */
function isToCome(
  { startUs, widthUs, recent }: MissingWindow,
  { watermarkUs }: MarkedWindows,
): boolean {
  return recent.has(startUs) || startUs + widthUs + SECOND_US > watermarkUs;
}

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
  { edition, firsts }: MarkedWindow,
  { rules, live }: Readonly<{ rules: Rules; live: ReadonlyMap<number, StoredPosition> }>,
): Reason | undefined {
  if (!rules.has(edition)) return 'rules';
  const isOfThisLog = firsts.every(
    ({ partition, piece }) => logNumberOf(piece) === live.get(partition)?.logNumber,
  );
  return isOfThisLog ? undefined : 'other_log';
}

function hasIncrease(known: EditionRules | undefined): boolean {
  const rule = known?.rules.rules.find(({ edition }) => edition === known.edition);
  return rule?.columns.includes('increase') === true;
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
  asked: ReadonlySet<string>;
}

async function computePartitions(
  parts: ComputeParts,
  looked: MarkedWindows,
  { windows, rules, live, asked }: Found,
): Promise<Map<number, PartitionResult>> {
  const byPartition = new Map<number, Map<number, PartitionWindow>>();
  for (const [number, window] of windows) {
    for (const { partition, piece } of window.firsts) {
      const mine = byPartition.get(partition) ?? new Map<number, never>();
      byPartition.set(partition, mine);
      mine.set(number, { window, offset: openedAt(piece), isAsked: asked.has(nameOf(window)) });
    }
  }
  const results = new Map<number, PartitionResult>();
  for (const [partition, mine] of byPartition) {
    const task = await taskOf(parts, looked, { rules, live: live.get(partition)! });
    results.set(
      partition,
      task === undefined ? otherLog(mine.keys()) : await completePartition(task, mine),
    );
  }
  return results;
}

function otherLog(numbers: Iterable<number>): PartitionResult {
  return {
    pieces: new Map(),
    failed: new Map([...numbers].map((one) => [one, 'other_log'])),
    links: { isAsked: () => false, followers: new Map(), missing: new Map() },
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
function nothingFolded({ edition, rules }: EditionRules): MergedColumns {
  const plan = planEdition(rules.rules.find((one) => one.edition === edition)!);
  return {
    count: 0,
    marked: false,
    sum: plan.wantsSum ? 0 : undefined,
    increase: plan.wantsIncrease ? 0 : undefined,
  };
}
