import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../time/clock.ts';
import { OwnedPartitions, type PartitionTask } from './owned-partitions.ts';
import type { PartitionStatus } from './stage.ts';

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 5000, interval: 2 });
}

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

/** Ends when it is told to, in its own time. */
class TestTask implements PartitionTask {
  readonly partition: number;
  state: PartitionStatus['state'] = 'running';
  isKilled = false;
  isAsked = false;
  readonly #endsBy: 'stop' | 'kill' | 'end';
  #settle: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(partition: number, endsBy: 'stop' | 'kill' | 'end' = 'stop') {
    this.partition = partition;
    this.#endsBy = endsBy;
  }

  get status(): PartitionStatus {
    return { partition: this.partition, state: this.state, position: 7, endOffset: 9, lagMs: 1 };
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
  }

  stop(): void {
    this.isAsked = true;
    if (this.#endsBy === 'stop') this.end();
  }

  kill(): void {
    this.isKilled = true;
    if (this.#endsBy !== 'end') this.end();
  }

  end(): void {
    this.state = 'stopped';
    this.#settle();
  }

  breakDown(error: Error): void {
    this.state = 'stopped';
    this.#fail(error);
  }
}

function begin(endsBy: 'stop' | 'kill' | 'end' = 'stop', letGoMsMax = 5000, first = [0, 1]) {
  const tasks: TestTask[] = [];
  const givenUp: number[] = [];
  const owned = new OwnedPartitions<TestTask>(
    {
      clock: systemClock,
      letGoMsMax,
      create: (partition) => {
        const task = new TestTask(partition, endsBy);
        tasks.push(task);
        return task;
      },
      onGivenUp: (partition) => givenUp.push(partition),
    },
    first,
  );
  const states = (): string[] =>
    owned.statuses.map(({ partition, state }) => `${partition} ${state}`);
  const live = (): number[] => tasks.filter((t) => t.state === 'running').map((t) => t.partition);
  return { owned, tasks, givenUp, states, live };
}

describe('the partitions of a stage', () => {
  it('start with it, and come and go while it runs', async () => {
    const { owned, tasks, states, live } = begin();
    expect(states()).toEqual(['0 starting', '1 starting']);
    expect(tasks).toEqual([]);
    const running = owned.run();
    expect(states()).toEqual(['0 running', '1 running']);
    await owned.own([3, 1, 3]);
    expect(states()).toEqual(['1 running', '3 running']);
    expect(live()).toEqual([1, 3]);
    // The one that stays has not noticed anything.
    expect(tasks.map(({ partition }) => partition)).toEqual([0, 1, 3]);
    await owned.stop();
    await running;
    expect(states()).toEqual(['1 stopped', '3 stopped']);
  });

  it('may be said before it runs', async () => {
    const { owned, tasks, states } = begin();
    await owned.own([5]);
    expect(tasks).toEqual([]);
    expect(states()).toEqual(['5 starting']);
    const running = owned.run();
    expect(states()).toEqual(['5 running']);
    await owned.stop();
    await running;
  });

  it('are let go when the one who asked is told so, and begin anew only after that', async () => {
    const { owned, tasks, states } = begin('end');
    const running = owned.run();
    let isLetGo = false;
    const losing = owned.own([1]).then(() => {
      isLetGo = true;
    });
    expect(tasks[0]!.isAsked).toBe(true);
    expect(states()).toEqual(['1 running']);
    // Gained again before it was let go; the later call has nothing to wait for.
    await owned.own([0, 1]);
    expect(isLetGo).toBe(false);
    expect(states()).toEqual(['0 starting', '1 running']);
    expect(tasks.length).toBe(2);
    tasks[0]!.end();
    await losing;
    expect(states()).toEqual(['0 running', '1 running']);
    expect(tasks.length).toBe(3);
    expect(tasks[1]!.isAsked).toBe(false);
    const stopping = owned.stop();
    for (const task of tasks) task.end();
    await stopping;
    await running;
  });

  it('are given up when they take too long', async () => {
    const { owned, tasks, givenUp, states } = begin('end', 10);
    const running = owned.run();
    await owned.own([1]);
    expect(givenUp).toEqual([0]);
    expect(tasks[0]).toMatchObject({ isAsked: true, isKilled: true, state: 'running' });
    await owned.own([0, 1]);
    expect(states()).toEqual(['0 running', '1 running']);
    expect(tasks.length).toBe(3);
    await owned.stop();
    expect(sorted(givenUp)).toEqual([0, 0, 1]);
    await running;
  });

  it('end all when one has a defect', async () => {
    const { owned, tasks, states } = begin();
    const running = owned.run();
    tasks[1]!.breakDown(new Error('a defect'));
    await expect(running).rejects.toThrow('a defect');
    expect(states()).toEqual(['0 stopped', '1 stopped']);
    expect(tasks[0]!.isKilled).toBe(true);
    await expect(owned.own([0])).rejects.toMatchObject({ code: 'STAGE_STOPPED', kind: 'aborted' });
  });

  it('end all when one that was given up has a defect later', async () => {
    const { owned, tasks } = begin('end', 5);
    const running = owned.run();
    await owned.own([]);
    tasks[0]!.breakDown(new Error('a late defect'));
    await expect(running).rejects.toThrow('a late defect');
  });

  it('stay with the stage when one has stopped by itself', async () => {
    const { owned, tasks, states } = begin();
    let isOver = false;
    const running = owned.run().then(() => {
      isOver = true;
    });
    for (const task of tasks) task.end();
    await until(() => expect(states()).toEqual(['0 stopped', '1 stopped']));
    expect(isOver).toBe(false);
    await owned.own([0, 1]);
    expect(tasks.length).toBe(2);
    await owned.own([]);
    await owned.own([0]);
    expect(states()).toEqual(['0 running']);
    await owned.kill();
    await running;
  });

  it('have nothing to stop before it ran, and do not start after', async () => {
    const { owned, tasks } = begin();
    await owned.stop();
    await owned.run();
    expect(tasks).toEqual([]);
  });

  it('are those of the last call, however the calls overlap', async () => {
    const partitions = fc.uniqueArray(fc.nat(5));
    const step = fc.oneof(
      fc.record({ own: partitions, isAwaited: fc.boolean() }),
      fc.record({ ends: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { owned, tasks, live } = begin('end', 60_000, []);
        const running = owned.run();
        const calls: Promise<void>[] = [];
        let last: number[] = [];
        const endAsked = (): void => {
          for (const task of tasks) if (task.isAsked) task.end();
        };
        for (const one of steps) {
          if ('ends' in one) {
            for (const task of tasks) {
              if (task.partition === one.ends && task.isAsked) task.end();
            }
            continue;
          }
          last = one.own;
          const call = owned.own(last);
          calls.push(call);
          if (!one.isAwaited) continue;
          endAsked();
          await call;
          // One gained again before it was let go begins a moment later.
          await until(() => expect(sorted(live())).toEqual(sorted(last)));
        }
        endAsked();
        await Promise.all(calls);
        await until(() => expect(sorted(live())).toEqual(sorted(last)));
        for (const task of tasks) task.end();
        await owned.stop();
        await running;
      }),
    );
  });
});
