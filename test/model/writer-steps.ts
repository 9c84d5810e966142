import type { Mutation, Step } from './step.ts';
import {
  entriesBelow,
  idleWriter,
  type Place,
  type Range,
  type World,
  type Writer,
} from './protocol-world.ts';

/** What either writer can do: as partition-writer.ts, seek.ts and apply-batch.ts have it. */
export function writerSteps(world: World, mutation: Mutation | undefined, steps: Step[]): void {
  for (const [number, writer] of world.writers.entries()) {
    const become = (what: () => string, next: Writer, changed: Partial<World> = {}): void => {
      const writers = world.writers.with(number, next);
      steps.push({
        kind: writer.phase === 'idle' ? 'begin' : 'go',
        what: () => `writer ${number + 1} ${what()}`,
        world: { ...world, ...changed, writers },
      });
    };
    if (writer.phase === 'idle') begin(world, become);
    else if (writer.phase === 'reading') fetch(world, writer, mutation, become);
    else if (writer.phase === 'holding') moveMark(world, writer, mutation, become);
    else commit(world, writer, mutation, become);
    if (writer.phase !== 'idle' && world.faults > 0) {
      // In the middle of a transaction this is a rollback; one whose commit went through is the
      // same as dying right behind it.
      become(() => 'dies', idleWriter(), { faults: world.faults - 1 });
    }
  }
}

type Become = (what: () => string, next: Writer, changed?: Partial<World>) => void;

/** Reads the mark, and looks for a place to read on: only a hint, as seek.ts says. */
function begin(world: World, become: Become): void {
  const { mark, series } = world;
  let start = 0;
  let end = series.length;
  while (start < end) {
    const middle = (start + end) >> 1;
    if (series[middle]!.to <= mark) start = middle + 1;
    else end = middle;
  }
  become(() => `begins at mark ${mark}`, {
    phase: 'reading',
    next: mark,
    at: start,
    batch: undefined,
  });
}

/** The next record, or all that lie ready. */
function fetch(world: World, writer: Writer, mutation: Mutation | undefined, become: Become): void {
  const one = read(world.series, writer, mutation, 1);
  if (one === undefined) return;
  become(() => `fetches up to ${one.batch!.to}`, one);
  const all = read(world.series, writer, mutation, Infinity)!;
  if (all.at !== one.at) become(() => `fetches up to ${all.batch!.to}`, all);
}

function read(
  series: readonly Range[],
  writer: Writer,
  mutation: Mutation | undefined,
  recordsMax: number,
): Writer | undefined {
  let { next, at } = writer;
  let first: Place | undefined;
  for (let records = 0; records < recordsMax && at < series.length;) {
    const { from, to } = series[at]!;
    if (to > next) {
      if (from > next && mutation !== 'mark moved over a gap') {
        if (first !== undefined) break;
        // Whatever record continues what is applied is looked for in the whole log; without one
        // the partition stands still.
        at = series.findIndex((range) => range.from <= next && range.to > next);
        if (at === -1) return undefined;
        continue;
      }
      first ??= from;
      next = to;
      records += 1;
    }
    at += 1;
  }
  if (first === undefined) return undefined;
  return { phase: 'holding', next, at, batch: { from: writer.next, to: next, first } };
}

/** The transaction's first statement: compares the mark, and holds its row. */
function moveMark(
  world: World,
  writer: Writer,
  mutation: Mutation | undefined,
  become: Become,
): void {
  if (world.writers.some(({ phase }) => phase === 'writing')) return;
  const { from, to } = writer.batch!;
  const writing: Writer = { ...writer, phase: 'writing' };
  if (mutation === 'mark compared after the entries') {
    become(() => `writes entries up to ${to}`, writing, applied(world, writer, mutation));
  } else if (world.mark === from || mutation === 'mark moved without comparing') {
    become(() => `moves the mark to ${to}, not yet committed`, writing);
  } else become(() => `finds the mark at ${world.mark}, not ${from}: outrun`, idleWriter());
}

/** Entries and mark become visible, and the row is free. */
function commit(
  world: World,
  writer: Writer,
  mutation: Mutation | undefined,
  become: Become,
): void {
  const { from, to } = writer.batch!;
  const done: Writer = { ...writer, phase: 'reading', batch: undefined };
  if (mutation !== 'mark compared after the entries') {
    const stored = applied(world, writer, mutation);
    become(() => `commits up to ${to}`, done, { mark: to, ...stored });
  } else if (world.mark === from) become(() => `moves the mark to ${to}`, done, { mark: to });
  else become(() => `finds the mark at ${world.mark}, not ${from}: outrun`, idleWriter());
}

/** The store with the entries of the batch, and what is wrong when they do not follow. */
function applied(
  world: World,
  writer: Writer,
  mutation: Mutation | undefined,
): Pick<World, 'stored' | 'broken'> {
  const { from, to, first } = writer.batch!;
  const isWhole = mutation === 'record applied from its start' || first > from;
  const already = entriesBelow[isWhole ? first : from]!;
  const { stored } = world;
  const entries = entriesBelow[to]! - already;
  if (already === stored || entries === 0)
    return { stored: stored + entries, broken: world.broken };
  const what =
    already < stored ? `entry ${already} is stored again` : `entry ${stored} is left out`;
  return { stored: stored + entries, broken: what };
}
