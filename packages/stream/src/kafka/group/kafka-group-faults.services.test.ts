import { randomUUID } from 'node:crypto';
import { silentLog, systemClock, type Clock } from '@millrace/runtime';
import { isMissing, reportMissing } from '@millrace/runtime/testing';
import { AssignerProtocol } from 'kafkajs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { PartitionGroup } from '../../partition-group.ts';
import { GroupWork, type WorkingMember } from '../../testing/group-work.ts';
import { createKafkaClient } from '../client/kafka-client.ts';
import {
  DEFAULT_KAFKA_GROUP_SETTINGS,
  type KafkaPartitionGroupSettings,
} from './kafka-group-settings.ts';
import { openKafkaPartitionGroup } from './kafka-partition-group.ts';
import { startKafkaBroker } from '../testing/kafka-broker.ts';

// A broker of its own: it is killed, and has to let sessions be short.
const broker = await startKafkaBroker({
  own: true,
  settings: { 'group.min.session.timeout.ms': '500' },
});
if (isMissing(broker)) reportMissing(broker);

const PARTITIONS = 6;
const SESSION_MS = 1500;
/** The broker counts a session from when it has read the group, before it listens. */
const SESSION_OVER_RESTART_MS = 8000;
const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 25_000, interval: 20 });
}

describe.skipIf(isMissing(broker))('a Kafka group in trouble', () => {
  if (isMissing(broker)) return;
  const connection = { brokers: broker.brokers, clientId: 'test' };
  const works: GroupWork[] = [];
  afterEach(async () => {
    for (const work of works.splice(0)) await work.leaveAll();
  });
  afterAll(() => broker.stop());

  const begin = (): { name: string; work: GroupWork; join: Join; member: Open } => {
    const name = `group-${randomUUID()}`;
    const work = new GroupWork();
    works.push(work);
    const member: Open = (settings = {}, clock = systemClock) =>
      openKafkaPartitionGroup(
        { connection, clock, log: silentLog },
        {
          ...DEFAULT_KAFKA_GROUP_SETTINGS,
          groupId: name,
          topic: `${name}.events`,
          partitions: PARTITIONS,
          sessionMs: SESSION_MS,
          heartbeatMs: 100,
          requestMs: 1000,
          leaveMsMax: 500,
          ...settings,
        },
      );
    return { name, work, member, join: (settings, clock) => work.join(member(settings, clock)) };
  };

  test('a member that slept past its session loses all, notices it, comes back', async () => {
    const { work, join } = begin();
    const stoppable = new StoppableClock();
    const [stopped, other] = [join({}, stoppable), join()];
    await until(() => expect([stopped, other].map((m) => m.partitions.length)).toEqual([3, 3]));
    const before = stopped.partitions;
    stoppable.stop();
    await until(() => expect(other.partitions).toEqual(all));
    // Nobody told it: in between both have them, and that is what the stages are built for.
    expect(stopped.partitions).toEqual(before);
    const told = stopped.told.length;
    stoppable.go();
    await until(() => expect(stopped.told[told]).toEqual([]));
    await until(() => expect([stopped, other].map((m) => m.partitions.length)).toEqual([3, 3]));
    expect(work.owned()).toEqual(all);
  });

  test('a member that leaves while others are waited for is not given anything', async () => {
    const { join } = begin();
    const sessionMs = 4000;
    const stoppable = new StoppableClock();
    const [silent, leaving] = [join({ sessionMs }, stoppable), join({ sessionMs })];
    await until(() => expect([silent, leaving].map((m) => m.partitions.length)).toEqual([3, 3]));
    stoppable.stop();
    const coming = join({ sessionMs });
    // The round cannot begin before the silent one's session is over, and this one is in it.
    await until(() => expect(leaving.group.status().state).toBe('joining'));
    await leaving.group.leave();
    await leaving.over;
    await until(() => expect(coming.partitions.length).toBeGreaterThan(0));
    stoppable.go();
    expect(coming.told[0]).toEqual(all);
  });

  test('a broker that is killed and comes back changes nothing', async () => {
    const { work, join } = begin();
    const sessionMs = SESSION_OVER_RESTART_MS;
    const members = [join({ sessionMs }), join({ sessionMs })];
    await until(() => expect(members.map((m) => m.partitions.length)).toEqual([3, 3]));
    const told = members.map((m) => m.told.length);
    await broker.kill();
    await until(() => {
      for (const { group } of members) {
        expect(group.status()).toMatchObject({
          state: 'away',
          reason: { code: 'STREAM_GROUP_AWAY', message: expect.any(String) },
        });
      }
    });
    // What they own they own: nobody told them anything else.
    expect(members.map((m) => m.partitions.length)).toEqual([3, 3]);
    await broker.restart();
    await until(() => {
      for (const { group } of members) expect(group.status().state).toBe('member');
    });
    expect(members.map((m) => m.told.length)).toEqual(told);
    expect(work.overlaps).toEqual([]);
    expect(members[0]!.group.status()).not.toHaveProperty('reason');
  });

  test('members that come and go while nobody coordinates are sorted out afterwards', async () => {
    const { work, join } = begin();
    const sessionMs = SESSION_OVER_RESTART_MS;
    const [leaving, staying] = [join({ sessionMs }), join({ sessionMs })];
    await until(() => expect([leaving, staying].map((m) => m.partitions.length)).toEqual([3, 3]));
    await broker.kill();
    const coming = join({ sessionMs });
    const startedMs = performance.now();
    await leaving.group.leave();
    await leaving.over;
    // It lets go and does not wait for the broker for long.
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect(leaving.partitions).toEqual([]);
    await until(() => expect(coming.group.status().state).toBe('away'));
    await broker.restart();
    await until(() => {
      expect(work.owned()).toEqual(all);
      expect([staying, coming].map((m) => m.partitions.length)).toEqual([3, 3]);
    });
    expect(work.overlaps).toEqual([]);
  });

  test('a broker that hangs is left waiting, also by those who leave', async () => {
    const { join } = begin();
    const member = join();
    await until(() => expect(member.partitions).toEqual(all));
    broker.pause();
    try {
      await until(() => expect(member.group.status().state).toBe('away'));
      expect(member.partitions).toEqual(all);
      const startedMs = performance.now();
      await member.group.leave();
      expect(performance.now() - startedMs).toBeLessThan(3000);
    } finally {
      broker.resume();
    }
  });

  test('what the broker refuses is told, and does not end the process', async () => {
    const { member } = begin();
    const refused = member({ sessionMs: 10 });
    const over = refused.run(async () => undefined);
    await until(() =>
      expect(refused.status()).toMatchObject({
        state: 'away',
        reason: { code: 'STREAM_GROUP_REFUSED', remedy: expect.any(String) },
      }),
    );
    await refused.leave();
    await over;
  });

  test('tools of Kafka see the members, what they have, and how far they are', async () => {
    const { name, join } = begin();
    const admin = createKafkaClient({
      connection,
      log: silentLog,
      settings: { connectMs: 2000, requestMs: 5000 },
      retries: 3,
    }).admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: `${name}.events`, numPartitions: PARTITIONS, replicationFactor: 1 }],
    });
    const members = [join(), join()];
    await until(() => expect(members.map((m) => m.partitions.length)).toEqual([3, 3]));
    for (const { group, partitions } of members) {
      await group.advise(new Map(partitions.map((partition) => [partition, 100 + partition])));
    }
    try {
      const { groups } = await admin.describeGroups([name]);
      const [group] = groups;
      expect(group).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
      const assigned = group!.members.map(({ memberAssignment }) => {
        return AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment;
      });
      const partitions = assigned.flatMap((assignment) => assignment[`${name}.events`] ?? []);
      expect(partitions.toSorted((a, b) => a - b)).toEqual(all);
      const [topic] = await admin.fetchOffsets({ groupId: name });
      const offsets = topic!.partitions.map(
        ({ partition, offset }) => [partition, offset] as const,
      );
      expect(new Map(offsets)).toEqual(new Map(all.map((p) => [p, String(100 + p)])));
    } finally {
      await admin.disconnect();
    }
  });

  test('who is no member tells nothing, and says nothing of it', async () => {
    const { member } = begin();
    const group = member();
    await group.advise(new Map([[0, 1]]));
    const over = group.run(async () => undefined);
    await group.leave();
    await over;
    await group.advise(new Map([[0, 1]]));
    expect(group.status().state).toBe('left');
  });
});

type Open = (settings?: Partial<KafkaPartitionGroupSettings>, clock?: Clock) => PartitionGroup;
type Join = (settings?: Partial<KafkaPartitionGroupSettings>, clock?: Clock) => WorkingMember;

/** No sleep ends while it is stopped, as in a process that is. */
class StoppableClock implements Clock {
  #going = Promise.resolve();
  #go: () => void = () => undefined;

  nowUs(): number {
    return systemClock.nowUs();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(ms, signal);
    await this.#going;
  }

  stop(): void {
    this.#going = new Promise((resolve) => {
      this.#go = resolve;
    });
  }

  go(): void {
    this.#go();
    this.#going = Promise.resolve();
  }
}
