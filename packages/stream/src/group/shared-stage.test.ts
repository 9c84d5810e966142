import {
  MillraceError,
  silentLog,
  systemClock,
  type Dependency,
  type PartitionedStage,
  type PartitionStatus,
} from '@millrace/runtime';
import { expect, test, vi } from 'vitest';
import { MemoryGroup, openMemoryPartitionGroup } from '../memory/memory-partition-group.ts';
import { createSharedStage, type SharedStage } from './shared-stage.ts';

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 5000, interval: 2 });
}

/** Runs what it owns and says how far it is. */
class TestStage implements PartitionedStage {
  readonly owned: (readonly number[])[] = [];
  state: PartitionStatus['state'] = 'running';
  #end: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  isStopped = false;

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end = resolve;
      this.fail = reject;
    });
  }

  async own(partitions: readonly number[]): Promise<void> {
    this.owned.push(partitions);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.#end();
  }

  status() {
    const partitions = (this.owned.at(-1) ?? []).map((partition): PartitionStatus => {
      const reason = { code: 'AWAY', message: 'It is away.' };
      const why = this.state === 'running' ? {} : { reason };
      return { partition, state: this.state, position: 7, endOffset: 9, lagMs: 0, ...why };
    });
    const ready = partitions.every(({ state }) => state === 'running');
    return { stage: 'writer' as const, ready, partitions };
  }
}

function begin(): {
  group: MemoryGroup;
  join: (needs?: () => Dependency) => { stage: TestStage; shared: SharedStage };
} {
  const group = new MemoryGroup({ partitions: 4, clock: systemClock });
  return {
    group,
    join: (needs) => {
      const stage = new TestStage();
      const member = openMemoryPartitionGroup(group, { letGoMsMax: 1000 });
      const own = { stage, group: member, clock: systemClock, log: silentLog };
      const parts = needs === undefined ? own : { ...own, needs };
      return { stage, shared: createSharedStage(parts, { adviseMs: 5 }) };
    },
  };
}

test('a stage owns what its group gives it, and the group hears how far it is', async () => {
  const { group, join } = begin();
  const [one, two] = [join(), join()];
  expect(one.shared.health()).toMatchObject({ ready: false });
  const running = [one.shared.run(), two.shared.run()];
  await until(() => expect(one.stage.owned.at(-1)?.length).toBe(2));
  await until(() => expect(group.advised).toEqual(new Map([0, 1, 2, 3].map((p) => [p, 7]))));
  expect(one.shared.health()).toEqual({
    ready: true,
    dependencies: [
      { name: 'group', state: 'ok' },
      { name: 'writer', state: 'ok' },
    ],
  });
  expect(one.shared.status()).toMatchObject({ stage: 'writer', group: { state: 'member' } });
  await two.shared.stop();
  // It let go before it left, and was stopped after that.
  expect(two.stage.owned.at(-1)).toEqual([]);
  expect(two.stage.isStopped).toBe(true);
  await until(() => expect(one.stage.owned.at(-1)).toEqual([0, 1, 2, 3]));
  await one.shared.stop();
  await Promise.all(running);
  expect(one.shared.health().ready).toBe(false);
});

test('it is not ready while a partition is not, and says why', async () => {
  const { join } = begin();
  const { stage, shared } = join();
  const running = shared.run();
  await until(() => expect(shared.health().ready).toBe(true));
  stage.state = 'stopped';
  const { ready, dependencies } = shared.health();
  expect(ready).toBe(false);
  expect(dependencies[1]).toMatchObject({
    name: 'writer',
    state: 'degraded',
    detail: expect.stringContaining('AWAY'),
  });
  await shared.stop();
  await running;
});

test('it is not ready while what it needs is not there, though nothing failed', async () => {
  const { join } = begin();
  let store: Dependency = { name: 'store', state: 'ok' };
  const { shared } = join(() => store);
  const running = shared.run();
  await until(() => expect(shared.health().ready).toBe(true));
  store = { name: 'store', state: 'degraded', detail: 'It has not answered for 5 s.' };
  const { ready, dependencies } = shared.health();
  expect(ready).toBe(false);
  expect(dependencies).toContainEqual(store);
  await shared.stop();
  await running;
});

test('a stage that breaks down leaves the group, and takes the process with it', async () => {
  const { join } = begin();
  const [broken, other] = [join(), join()];
  const running = broken.shared.run();
  const others = other.shared.run();
  await until(() => expect(other.stage.owned.at(-1)?.length).toBe(2));
  broken.stage.fail(new Error('a defect'));
  await expect(running).rejects.toThrow('a defect');
  await until(() => expect(other.stage.owned.at(-1)).toEqual([0, 1, 2, 3]));
  other.stage.own = async () => {
    throw new MillraceError({ code: 'BROKEN', kind: 'defect', message: 'It is broken.' });
  };
  join()
    .shared.run()
    .catch(() => undefined);
  await expect(others).rejects.toMatchObject({ code: 'BROKEN' });
  expect(other.stage.isStopped).toBe(true);
});
