/** What is known of a member when partitions are given out. */
export interface GroupMember {
  id: string;
  /** Those assigned to it. */
  owned: readonly number[];
  /** Those it has lost and is still letting go of. */
  leaving: readonly number[];
  /** Of its last assignment: of two that claim one partition, the later is right. */
  generation: number;
}

/** Partitions of each member by its id, in order. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/**
 * Which member should have which partition: balanced within one, with as few changes of hands as
 * that allows, and the same whoever computes it from the same members in whatever order.
 */
export function assignPartitions(members: readonly GroupMember[], partitions: number): Assignment {
  const owners = ownersOf(members, partitions, ({ owned }) => owned);
  const kept = new Map<string, number[]>(members.map(({ id }) => [id, []]));
  for (const [partition, id] of owners.entries()) {
    if (id !== undefined) kept.get(id)!.push(partition);
  }
  // Who has most may have one more than the others: taking it away would move it for nothing.
  const ranked = [...kept].toSorted(
    ([a, left], [b, right]) => right.length - left.length || compare(a, b),
  );
  const quotaMin = Math.floor(partitions / Math.max(1, members.length));
  const larger = partitions - quotaMin * members.length;
  const quotas = ranked.map(([, own], i) => ({ own, quota: quotaMin + (i < larger ? 1 : 0) }));
  for (const { own, quota } of quotas) own.splice(quota);
  const taken = new Set(quotas.flatMap(({ own }) => own));
  const free = Array.from({ length: partitions }, (_, p) => p).filter((p) => !taken.has(p));
  for (const { own, quota } of quotas) own.push(...free.splice(0, quota - own.length));
  return new Map(ranked.map(([id, own]) => [id, own.toSorted((a, b) => a - b)]));
}

/**
 * What may be given out now: all of it but what another member still has. That one sees that it
 * has lost it, lets it go and says so; then it is given out. A claim that a later one contradicts
 * is of a member that has not noticed its loss, and counts for nothing.
 */
export function withholdOwned(assignment: Assignment, members: readonly GroupMember[]): Assignment {
  const partitions = Math.max(0, ...[...assignment.values()].flat().map((p) => p + 1));
  const owners = ownersOf(members, partitions, ({ owned, leaving }) => [...owned, ...leaving]);
  return new Map(
    [...assignment].map(([id, assigned]) => [
      id,
      assigned.filter((partition) => (owners[partition] ?? id) === id),
    ]),
  );
}

/** The owner of each partition: whoever has it by the latest assignment. */
function ownersOf(
  members: readonly GroupMember[],
  partitions: number,
  claims: (member: GroupMember) => readonly number[],
): (string | undefined)[] {
  const owners: (GroupMember | undefined)[] = Array.from({ length: partitions }, () => undefined);
  for (const member of members) {
    for (const partition of claims(member)) {
      if (partition < 0 || partition >= partitions) continue;
      const other = owners[partition];
      const isLater =
        other === undefined ||
        member.generation > other.generation ||
        (member.generation === other.generation && compare(member.id, other.id) < 0);
      if (isLater) owners[partition] = member;
    }
  }
  return owners.map((owner) => owner?.id);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
