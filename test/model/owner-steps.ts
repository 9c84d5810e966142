import { landCommit, type Mutation, type Step } from './step.ts';
import {
  deadOwner,
  entriesBelow,
  firstPlaceOf,
  splitsOf,
  type Owner,
  type Range,
  type World,
} from './protocol-world.ts';

/** More would wait to be published than a publisher has room for. */
const SEALED_MAX = 3;
const LATE_MAX = 2;

/** What either owner can do: as take-over.ts, publisher.ts and committer.ts have it. */
export function ownerSteps(world: World, mutation: Mutation | undefined, steps: Step[]): void {
  for (const [number, owner] of world.owners.entries()) {
    const become = (what: () => string, next: Owner, changed: Partial<World> = {}): void => {
      const owners = world.owners.with(number, next);
      steps.push({
        kind: owner.isAlive ? 'go' : 'begin',
        what: () => `owner ${number + 1} ${what()}`,
        world: { ...world, ...changed, owners },
      });
    };
    if (!owner.isAlive) become(() => 'takes over', takeOver(world, mutation));
    else {
      foldAndSend(world, owner, become);
      answers(world, owner, mutation, become);
      commits(world, owner, mutation, become);
      if (world.faults > 0) faults(world, owner, mutation, become);
    }
  }
}

type Become = (what: () => string, next: Owner, changed?: Partial<World>) => void;

function takeOver(world: World, mutation: Mutation | undefined): Owner {
  const position = world.committed;
  const from = firstPlaceOf[position]!;
  const skips = mutation === 'published mark in the state';
  return {
    ...deadOwner(),
    isAlive: true,
    position,
    from: skips ? Math.max(from, world.published) : from,
    expected: position,
  };
}

function foldAndSend(world: World, owner: Owner, become: Become): void {
  const { position, sealed } = owner;
  if (position < world.events && sealed.length < SEALED_MAX) {
    become(() => `folds record ${position}`, { ...owner, position: position + 1 });
    const split = splitsOf[position];
    // The record that is being filled is full in the middle of what this offset puts out.
    if (split !== undefined && split > owner.from) {
      const first = { from: owner.from, to: split };
      const folded = { ...owner, position: position + 1, from: split };
      const what = () => `folds record ${position}, and seals [${first.from}, ${split}) within it`;
      become(what, { ...folded, sealed: [...sealed, first] });
    }
  }
  if (owner.append !== 'none') return;
  const next = sealed.length > 0 ? owner : seal(owner);
  const first = next.sealed[0];
  if (first === undefined) return;
  become(() => `sends [${first.from}, ${first.to})`, { ...next, append: 'sent' });
}

/** Closes what is folded into a record. */
function seal(owner: Owner): Owner {
  const to = firstPlaceOf[owner.position]!;
  if (owner.from >= to) return owner;
  return { ...owner, from: to, sealed: [...owner.sealed, { from: owner.from, to }] };
}

function isEmptyRange({ from, position }: Owner): boolean {
  return entriesBelow[from] === entriesBelow[firstPlaceOf[position]!];
}

function answers(world: World, owner: Owner, mutation: Mutation | undefined, become: Become): void {
  const { append, sealed, commit } = owner;
  const first = sealed[0];
  if (append === 'sent' && first !== undefined) {
    become(
      () => `has its append of [${first.from}, ${first.to}) in the log`,
      { ...owner, append: 'landed' },
      { series: [...world.series, first] },
    );
  }
  if (append === 'landed') become(() => 'gets the acknowledgement', acknowledged(owner));
  if (commit?.call === 'sent') {
    const { world: landed, isDone } = landCommit(world, commit, mutation);
    const { committed, published, everCommitted, isMixed } = landed;
    const call = isDone ? 'done' : 'outrun';
    const changed = { committed, published, everCommitted, isMixed };
    become(
      () => `has its commit at ${commit.next} judged: ${call}`,
      { ...owner, commit: { ...commit, call } },
      changed,
    );
  }
}

/** The first record is in the log, as far as the owner knows. */
function acknowledged(owner: Owner): Owner {
  const { commit } = owner;
  const waited = commit === undefined || commit.waitsFor === 0;
  return {
    ...owner,
    append: 'none',
    sealed: owner.sealed.slice(1),
    commit: waited ? commit : { ...commit, waitsFor: commit.waitsFor - 1 },
  };
}

function commits(world: World, owner: Owner, mutation: Mutation | undefined, become: Become): void {
  const { commit, position, expected } = owner;
  if (commit === undefined) {
    if (position <= expected) return;
    // Also an empty range is published: the next owner's first record must not leave a gap.
    const skipsEmpty = mutation === 'empty range not published';
    const flushed = skipsEmpty && isEmptyRange(owner) ? owner : seal(owner);
    if (flushed.sealed.length > SEALED_MAX) return;
    const waitsFor = mutation === 'commit before the series ack' ? 0 : flushed.sealed.length;
    const begun = { expected, next: position, waitsFor, call: 'none' as const, published: 0 };
    become(() => `begins to commit at ${position}`, { ...flushed, commit: begun });
    return;
  }
  if (commit.call === 'none' && commit.waitsFor === 0) {
    const published = mutation === 'published mark in the state' ? owner.from : 0;
    become(() => `sends its commit at ${commit.next}`, {
      ...owner,
      commit: { ...commit, call: 'sent', published },
    });
  }
  if (commit.call === 'done') {
    become(() => 'learns that it committed', {
      ...owner,
      expected: commit.next,
      commit: undefined,
    });
  }
  if (commit.call === 'outrun') {
    become(
      () => 'learns that it was outrun, and forgets everything',
      deadOwner(),
      left(world, owner),
    );
  }
}

function faults(world: World, owner: Owner, mutation: Mutation | undefined, become: Become): void {
  const used = { faults: world.faults - 1 };
  const late = left(world, owner);
  if (late !== undefined) become(() => 'dies', deadOwner(), { ...late, ...used });
  if (owner.append === 'none') return;
  // An error, or no answer: the same record is sent again, and the first one may still land.
  const again =
    mutation === 'append not sent again'
      ? acknowledged(owner)
      : { ...owner, append: 'none' as const };
  const lateAppends =
    owner.append === 'sent' ? withLate(world, owner.sealed[0]!) : world.lateAppends;
  if (lateAppends === undefined) return;
  become(() => 'gets an error for its append', again, { lateAppends, ...used });
}

/** What an owner leaves on its way when it ends; undefined when that is more than is looked at. */
function left(world: World, owner: Owner): Partial<World> | undefined {
  const { commit } = owner;
  const lateAppends =
    owner.append === 'sent' ? withLate(world, owner.sealed[0]!) : world.lateAppends;
  if (lateAppends === undefined) return undefined;
  const isSent = commit?.call === 'sent';
  if (isSent && world.lateCommits.length >= LATE_MAX) return undefined;
  const lateCommits = isSent ? [...world.lateCommits, commit] : world.lateCommits;
  return { lateAppends, lateCommits };
}

function withLate(world: World, range: Range): readonly Range[] | undefined {
  return world.lateAppends.length < LATE_MAX ? [...world.lateAppends, range] : undefined;
}
