import { MillraceError } from '@millrace/runtime';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PartitionGroup, PartitionGroupSettings } from '../partition-group.ts';
import { GroupWork, type WorkingMember } from './group-work.ts';

/** A group under test: it has `PARTITIONS` partitions and nobody in it. */
export interface GroupUnderTest {
  /** Another member, as of another process. */
  member(settings?: Partial<PartitionGroupSettings>): PartitionGroup;
  dispose(): Promise<void>;
}

export const GROUP_TEST_PARTITIONS = 8;

/**
 * The contract of the port: how partitions are shared among members, whatever the adapter.
 * `settleMsMax`: how long the adapter may take to settle a change.
 */
export function testPartitionGroup(
  params: Readonly<{ name: string; settleMsMax: number; open: () => Promise<GroupUnderTest> }>,
): void {
  const { name, settleMsMax, open } = params;
  const opened: { group: GroupUnderTest; work: GroupWork }[] = [];
  afterEach(async () => {
    for (const { group, work } of opened.splice(0)) {
      await work.leaveAll();
      await group.dispose();
    }
  });
  const begin: Begin = async () => {
    const group = await open();
    const work = new GroupWork();
    opened.push({ group, work });
    const join: Join = (settings, how) => work.join(group.member(settings), how);
    return { group, work, join };
  };
  const until = async (check: () => void): Promise<void> => {
    await vi.waitFor(check, { timeout: settleMsMax, interval: 5 });
  };
  describe(`${name}: sharing partitions`, () => {
    testSharing(begin, until);
  });
  describe(`${name}: letting go`, () => {
    testLettingGo(begin, until);
  });
}

type Join = (
  settings?: Partial<PartitionGroupSettings>,
  how?: Readonly<{ letGo?: (partitions: readonly number[]) => Promise<void> }>,
) => WorkingMember;
type Begin = () => Promise<{ group: GroupUnderTest; work: GroupWork; join: Join }>;
type Until = (check: () => void) => Promise<void>;

const all = Array.from({ length: GROUP_TEST_PARTITIONS }, (_, partition) => partition);

function testSharing(begin: Begin, until: Until): void {
  test('one member has all, and says so', async () => {
    const { join } = await begin();
    const only = join();
    await until(() => expect(only.partitions).toEqual(all));
    await until(() => expect(only.group.status()).toEqual({ state: 'member', partitions: all }));
    expect(only.told.at(-1)).toEqual(all);
    await only.group.leave();
    await only.over;
    expect(only.partitions).toEqual([]);
    expect(only.group.status()).toEqual({ state: 'left', partitions: [] });
  });

  test('a second one gets half, and nobody else loses more', async () => {
    const { work, join } = await begin();
    const first = join();
    await until(() => expect(first.partitions).toEqual(all));
    const second = join();
    await until(() => {
      expect(first.partitions.length).toBe(4);
      expect(second.partitions.length).toBe(4);
    });
    // What it kept it never lost.
    expect(first.told.every((told) => first.partitions.every((p) => told.includes(p)))).toBe(true);
    expect(work.overlaps).toEqual([]);
  });

  test('those of a member that leaves go to the others at once', async () => {
    const { work, join } = await begin();
    const members = [join(), join(), join()];
    await until(() => expect(countsOf(members)).toEqual([2, 3, 3]));
    const [leaving, ...staying] = members;
    const kept = staying.map(({ partitions }) => partitions);
    await leaving!.group.leave();
    await leaving!.over;
    expect(leaving!.partitions).toEqual([]);
    await until(() => {
      expect(staying.map(({ partitions }) => partitions.length)).toEqual([4, 4]);
    });
    for (const [i, { partitions }] of staying.entries()) {
      expect(partitions).toEqual(expect.arrayContaining([...kept[i]!]));
    }
    expect(work.overlaps).toEqual([]);
  });

  test('members beyond the partitions stand by', async () => {
    const { work, join } = await begin();
    const members = Array.from({ length: GROUP_TEST_PARTITIONS + 2 }, () => join());
    await until(() => {
      expect(countsOf(members)).toEqual([0, 0, ...all.map(() => 1)]);
      expect(members.every(({ group }) => group.status().state === 'member')).toBe(true);
    });
    for (const one of members.filter(({ partitions }) => partitions.length > 0).slice(0, 2)) {
      await one.group.leave();
    }
    await until(() => expect(work.owned()).toEqual(all));
    expect(work.overlaps).toEqual([]);
  });

  test('groups do not know each other', async () => {
    const [one, other] = [await begin(), await begin()];
    const [left, right] = [one.join(), other.join()];
    await until(() => {
      expect(left.partitions).toEqual(all);
      expect(right.partitions).toEqual(all);
    });
  });

  test('every partition has one owner in the end, however members come and go', async () => {
    const { work, join } = await begin();
    let members: WorkingMember[] = [join(), join()];
    for (const step of ['+', '+', '-', '+', '-+', '-', '--+', '++', '-']) {
      const leaving = members.splice(0, step.split('-').length - 1);
      const joining = Array.from({ length: step.split('+').length - 1 }, () => join());
      members = [...members, ...joining];
      // Not waited for: the next change comes in the middle of this one.
      const left = Promise.all(leaving.map(({ group }) => group.leave()));
      await until(() => expect(work.owned().length).toBeGreaterThan(0));
      await left;
    }
    await until(() => {
      expect(work.owned()).toEqual(all);
      const counts = countsOf(members);
      expect(counts.at(-1)! - counts[0]!).toBeLessThan(2);
    });
    expect(work.overlaps).toEqual([]);
  });
}

function testLettingGo(begin: Begin, until: Until): void {
  test('others wait until it is done', async () => {
    const { work, join } = await begin();
    const held = deferred();
    const slow = join({ letGoMsMax: 60_000 }, { letGo: () => held.promise });
    await until(() => expect(slow.partitions).toEqual(all));
    const other = join();
    await until(() => expect(slow.group.status().partitions.length).toBe(4));
    await until(() => expect(other.group.status().state).toBe('member'));
    expect(other.partitions).toEqual([]);
    expect(slow.partitions).toEqual(all);
    // A third one in the middle: what nobody let go is still nobody else's.
    const third = join();
    await until(() => expect(third.group.status().state).toBe('member'));
    expect([...other.partitions, ...third.partitions]).toEqual([]);
    held.resolve();
    await until(() => {
      const members = [slow, other, third];
      expect(countsOf(members)).toEqual([2, 3, 3]);
    });
    expect(work.owned()).toEqual(all);
    expect(work.overlaps).toEqual([]);
  });

  test('others do not wait for ever', async () => {
    const { join } = await begin();
    const never = new Promise<void>(() => undefined);
    const stuck = join({ letGoMsMax: 30 }, { letGo: () => never });
    await until(() => expect(stuck.group.status().partitions).toEqual(all));
    const other = join();
    await until(() => expect(other.partitions.length).toBe(4));
    await stuck.group.leave();
    await stuck.over;
    await until(() => expect(other.partitions).toEqual(all));
  });

  test('a member that leaves lets go first', async () => {
    const { work, join } = await begin();
    const held = deferred();
    const leaving = join({ letGoMsMax: 60_000 }, { letGo: () => held.promise });
    await until(() => expect(leaving.partitions).toEqual(all));
    const other = join({}, {});
    await until(() => expect(other.group.status().state).toBe('member'));
    const left = leaving.group.leave();
    expect(leaving.told.at(-1)).toEqual([]);
    expect(other.partitions).toEqual([]);
    held.resolve();
    await left;
    await until(() => expect(other.partitions).toEqual(all));
    expect(work.overlaps).toEqual([]);
  });

  test('leaving before it has joined is leaving all the same', async () => {
    const { group } = await begin();
    const member = group.member();
    const over = member.run(async () => undefined);
    await member.leave();
    await over;
    const other = group.member();
    await other.leave();
    await other.run(async () => undefined);
    expect(other.status().state).toBe('left');
  });

  test('who has stopped holds nothing; who breaks down ends the membership', async () => {
    const { join } = await begin();
    const stopped = (): Promise<void> =>
      Promise.reject(new MillraceError({ code: 'OVER', kind: 'aborted', message: 'It stopped.' }));
    const leaving = join({}, { letGo: stopped });
    await until(() => expect(leaving.partitions).toEqual(all));
    await leaving.group.leave();
    await leaving.over;
    const broken = join({}, { letGo: () => Promise.reject(new Error('a defect')) });
    await until(() => expect(broken.partitions).toEqual(all));
    const other = join();
    await expect(broken.over).rejects.toThrow('a defect');
    await until(() => expect(other.group.status().partitions).toEqual(all));
  });
}

/** How many each has, the fewest first. */
function countsOf(members: readonly WorkingMember[]): number[] {
  return members.map(({ partitions }) => partitions.length).toSorted((a, b) => a - b);
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
