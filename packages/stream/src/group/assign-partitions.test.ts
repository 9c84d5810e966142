import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignPartitions, withholdOwned, type GroupMember } from './assign-partitions.ts';

/** Members with whatever claims, also contradicting ones and unknown partitions. */
const anyMembers = fc
  .uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 3 }),
      owned: fc.uniqueArray(fc.nat(30)),
      leaving: fc.uniqueArray(fc.nat(30), { maxLength: 3 }),
      generation: fc.nat(3),
    }),
    { maxLength: 8, selector: ({ id }) => id },
  )
  .map((members): GroupMember[] => members);

const counts = (assignment: ReadonlyMap<string, readonly number[]>): number[] =>
  [...assignment.values()].map(({ length }) => length);

describe('giving out partitions', () => {
  it('gives every partition to one member, balanced within one', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(24), (members, partitions) => {
        const assignment = assignPartitions(members, partitions);
        expect([...assignment.keys()].toSorted()).toEqual(members.map(({ id }) => id).toSorted());
        if (members.length === 0) return;
        const given = [...assignment.values()].flat().toSorted((a, b) => a - b);
        expect(given).toEqual(Array.from({ length: partitions }, (_, p) => p));
        expect(Math.max(...counts(assignment)) - Math.min(...counts(assignment))).toBeLessThan(2);
      }),
    );
  });

  it('does not depend on the order of the members', () => {
    const shuffled = anyMembers.chain((members) =>
      fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
    );
    fc.assert(
      fc.property(shuffled, fc.nat(24), ([members, others], partitions) => {
        const assignment = assignPartitions(others, partitions);
        for (const [id, own] of assignPartitions(members, partitions)) {
          expect(assignment.get(id)).toEqual(own);
        }
      }),
    );
  });

  it('moves as few partitions as a balance allows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { maxLength: 7 }),
        fc.integer({ min: 1, max: 4 }),
        (...how) => {
          const [owners, size] = how;
          // Partition p is owned by member owners[p]; 4 stands for one that is gone.
          const members = Array.from({ length: size }, (_, m): GroupMember => {
            const owned = owners.flatMap((owner, p) => (owner === m ? [p] : []));
            return { id: `m${m}`, owned, leaving: [], generation: 1 };
          });
          const assignment = assignPartitions(members, owners.length);
          const moved = (own: (member: number) => readonly number[]): number =>
            members.reduce((sum, { owned }, m) => {
              return sum + owned.filter((p) => !own(m).includes(p)).length;
            }, 0);
          const least = leastMoves(
            members.map(({ owned }) => owned.length),
            owners.length,
          );
          expect(moved((m) => assignment.get(`m${m}`)!)).toBe(least);
        },
      ),
    );
  });

  it('changes nothing when nothing has changed', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(24), (members, partitions) => {
        const first = assignPartitions(members, partitions);
        const settled = members.map(({ id }) => ({
          id,
          owned: first.get(id)!,
          leaving: [],
          generation: 4,
        }));
        expect(assignPartitions(settled, partitions)).toEqual(first);
      }),
    );
  });

  it('believes the later of two that claim the same', () => {
    const members = [
      { id: 'a', owned: [0, 1, 2, 3], leaving: [], generation: 4 },
      { id: 'b', owned: [2, 3], leaving: [], generation: 5 },
    ];
    expect(assignPartitions(members, 4)).toEqual(
      new Map([
        ['a', [0, 1]],
        ['b', [2, 3]],
      ]),
    );
  });
});

describe('withholding what others still have', () => {
  it('never gives a partition to one while another has it', () => {
    fc.assert(
      fc.property(anyMembers, fc.nat(24), (members, partitions) => {
        const given = withholdOwned(assignPartitions(members, partitions), members);
        for (const [id, own] of given) {
          const generationOf = (one: GroupMember, partition: number): number =>
            [...one.owned, ...one.leaving].includes(partition) ? one.generation : -1;
          const self = members.find((one) => one.id === id)!;
          for (const other of members) {
            // Of two claims the later counts.
            const later = own.filter((p) => generationOf(other, p) > generationOf(self, p));
            expect(later).toEqual([]);
          }
        }
      }),
    );
  });

  it('does not take a partition away from its owner for an older claim', () => {
    const members = [
      { id: 'a', owned: [0, 1], leaving: [], generation: 4 },
      { id: 'b', owned: [0], leaving: [], generation: 5 },
    ];
    const assignment = new Map([
      ['a', [1]],
      ['b', [0]],
    ]);
    expect(withholdOwned(assignment, members)).toEqual(assignment);
  });

  it('comes to a whole balance, in whatever order the members let go', () => {
    const before = fc.array(fc.nat(5), { maxLength: 13 });
    fc.assert(
      fc.property(
        before,
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat(9)),
        (...how) => {
          const [owners, size, picks] = how;
          const members = Array.from({ length: size }, (_, m): GroupMember => {
            const owned = owners.flatMap((owner, p) => (owner === m ? [p] : []));
            return { id: `m${m}`, owned, leaving: [], generation: 0 };
          });
          const held = members.flatMap(({ id, owned }) => owned.map((p) => [id, p] as const));
          const target = assignPartitions(members, owners.length);
          const moves = held.filter(([id, p]) => !target.get(id)!.includes(p)).length;
          let moved = 0;
          for (let generation = 1; generation <= owners.length + 2; generation += 1) {
            const given = withholdOwned(assignPartitions(members, owners.length), members);
            for (const member of members) {
              const assigned = given.get(member.id)!;
              const lost = member.owned.filter((p) => !assigned.includes(p));
              member.leaving = [...member.leaving.filter((p) => !assigned.includes(p)), ...lost];
              member.owned = assigned;
              member.generation = generation;
              moved += lost.length;
            }
            const losing = members.filter(({ leaving }) => leaving.length > 0);
            const letsGo = losing[picks.next().value % Math.max(1, losing.length)];
            if (letsGo !== undefined) letsGo.leaving = letsGo.leaving.slice(1);
          }
          const counts = (lists: readonly (readonly number[])[]): number[] =>
            lists.map(({ length }) => length).toSorted((a, b) => a - b);
          expect(counts(members.map(({ owned }) => owned))).toEqual(counts([...target.values()]));
          // Nothing moves that need not, however long it takes.
          expect(moved).toBe(moves);
          expect(members.flatMap(({ leaving }) => leaving)).toEqual([]);
        },
      ),
    );
  });
});

/** By trying every way to say who may have one more than the others. */
function leastMoves(owned: readonly number[], partitions: number): number {
  const quota = Math.floor(partitions / owned.length);
  const larger = partitions - quota * owned.length;
  let least = Infinity;
  for (let chosen = 0; chosen < 2 ** owned.length; chosen += 1) {
    const extra = owned.map((_, m) => (chosen >> m) & 1);
    if (extra.reduce((sum, one) => sum + one, 0) !== larger) continue;
    const moves = owned.map((count, m) => Math.max(0, count - quota - extra[m]!));
    least = Math.min(
      least,
      moves.reduce((sum, one) => sum + one, 0),
    );
  }
  return least;
}
