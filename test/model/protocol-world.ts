/*
 * What the commit protocol is about, and nothing else: one partition, of which the records are
 * there already. An owner folds them, appends what comes out to `metrics.series` and commits its
 * position; a writer reads that topic and applies it to the store. Any number of each may believe
 * to be the one. Folding is a function of the log, so of a state only its position matters.
 */

/** Entries that each record of the events puts out: several, none, and two ticks for the end. */
const OUT: readonly number[] = [1, 2, 0, 1, 1, 0, 1];
/** Records there are from the beginning. */
export const EVENTS = 5;
/** Records there are once two ticks came: an idle partition's log grows as well. */
export const EVENTS_WITH_TICKS: number = OUT.length;

/**
 * An address as one number. An offset that puts nothing out has an address all the same: ranges
 * lead over it.
 */
export type Place = number;

/** The first address of each offset; behind the last one, the end. */
export const firstPlaceOf: readonly Place[] = OUT.reduce<Place[]>(
  (places, count) => [...places, places.at(-1)! + Math.max(1, count)],
  [0],
);
const isEntry: readonly boolean[] = OUT.flatMap((count) =>
  count === 0 ? [false] : Array<boolean>(count).fill(true),
);
/** How many entries there are below each address. */
export const entriesBelow: readonly number[] = isEntry.reduce<number[]>(
  (below, entry) => [...below, below.at(-1)! + (entry ? 1 : 0)],
  [0],
);
/** Addresses within an offset: where a record that is full may end. */
export const splitsOf: readonly (Place | undefined)[] = OUT.map((count, offset) =>
  count > 1 ? firstPlaceOf[offset]! + 1 : undefined,
);

/** All entries with addresses in [from, to). */
export interface Range {
  from: Place;
  to: Place;
}

/** One process that folds the partition. What it holds dies with it. */
export interface Owner {
  isAlive: boolean;
  /** Folded up to. */
  position: number;
  /** Where the next record that it seals begins. */
  from: Place;
  /** Records that are not acknowledged, in order; the first may be on its way. */
  sealed: readonly Range[];
  /** The append under way: none, sent, or in the log with the answer on its way. */
  append: 'none' | 'sent' | 'landed';
  /** What the state store holds, as far as it knows: what its commit is compared with. */
  expected: number;
  commit: Commit | undefined;
}

/** A commit under way. */
export interface Commit {
  expected: number;
  next: number;
  /** Sealed records that have to be acknowledged first. */
  waitsFor: number;
  call: 'none' | 'sent' | 'done' | 'outrun';
  /** What was sealed when it was sent; only a broken protocol looks at it. */
  published: Place;
}

/** One process that stores. */
export interface Writer {
  phase: 'idle' | 'reading' | 'holding' | 'writing';
  /** Everything below is applied, as far as it knows. */
  next: Place;
  /** Offset of the next record of the series topic that it reads. */
  at: number;
  /** What it is about to apply; `first` is where the first record of it begins. */
  batch: { from: Place; to: Place; first: Place } | undefined;
}

export interface World {
  owners: readonly Owner[];
  writers: readonly Writer[];
  /** Appends and commits of those who are gone, or gave up waiting: they may still land. */
  lateAppends: readonly Range[];
  lateCommits: readonly Commit[];
  /** `metrics.series`. */
  series: readonly Range[];
  /** The state store: position, and what a broken protocol keeps beside it. */
  committed: number;
  published: Place;
  /** Positions that were ever committed, as bits: what a replica may still hold. */
  everCommitted: number;
  /** Pages of two different states: what no commit may leave. */
  isMixed: boolean;
  /** The store's mark, and how many entries it has. */
  mark: Place;
  stored: number;
  /** Records of the events. */
  events: number;
  /** Things that may still go wrong. */
  faults: number;
  /** What went wrong for good. */
  broken: string;
}

const DEAD: Owner = {
  isAlive: false,
  position: 0,
  from: 0,
  sealed: [],
  append: 'none',
  expected: 0,
  commit: undefined,
};
const IDLE: Writer = { phase: 'idle', next: 0, at: 0, batch: undefined };

export function deadOwner(): Owner {
  return DEAD;
}

export function idleWriter(): Writer {
  return IDLE;
}

/** How much there is, and how much may go wrong: crashes, errors, rollbacks in one run. */
export type Extent = Readonly<{ owners: 1 | 2; writers: 0 | 1 | 2; faults: number }>;

export function firstWorld({ owners, writers, faults }: Extent): World {
  return {
    owners: Array.from({ length: owners }, deadOwner),
    writers: Array.from({ length: writers }, idleWriter),
    lateAppends: [],
    lateCommits: [],
    series: [],
    committed: 0,
    published: 0,
    everCommitted: 1,
    isMixed: false,
    mark: 0,
    stored: 0,
    events: EVENTS,
    faults,
    broken: '',
  };
}

/** Equal for worlds that only differ in which of two alike processes is which. */
export function keyOf(world: World): string {
  return (
    `${alike(world.owners.map(ownerKey))}|${alike(world.writers.map(writerKey))}|` +
    `${rangesKey(world.series)}|` +
    `${rangesKey(world.lateAppends)}|${world.lateCommits.map(commitKey).join('')}|` +
    `${world.committed},${world.published},${world.everCommitted},${world.isMixed ? 1 : 0},` +
    `${world.mark},${world.stored},${world.events},${world.faults}`
  );
}

function alike(keys: string[]): string {
  const [one = '', other = ''] = keys;
  return one <= other ? `${one}|${other}` : `${other}|${one}`;
}

function ownerKey(owner: Owner): string {
  if (!owner.isAlive) return '';
  return (
    `${owner.position},${owner.from},${rangesKey(owner.sealed)},${owner.append[0]},` +
    `${owner.expected},${owner.commit === undefined ? '' : commitKey(owner.commit)}`
  );
}

function commitKey({ expected, next, waitsFor, call, published }: Commit): string {
  return `${expected}${next}${waitsFor}${call[0]}${published};`;
}

function writerKey({ phase, next, at, batch }: Writer): string {
  if (phase === 'idle') return '';
  const held = batch === undefined ? '' : `${batch.from}-${batch.to}-${batch.first}`;
  return `${phase[0]}${next},${at},${held}`;
}

function rangesKey(ranges: readonly Range[]): string {
  let key = '';
  for (const { from, to } of ranges) key += `${from}-${to};`;
  return key;
}
