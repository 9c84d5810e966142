import type { Address } from '@millrace/model';
import { silentLog, systemClock, type Clock } from '@millrace/runtime';
import { StoreErrorCode, type Store } from '@millrace/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordsOf } from './testing/entry-sequence.ts';
import {
  at,
  deferred,
  expectMark,
  expectWhole,
  failure,
  markOf,
  statusOf,
  until,
} from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());
const reaches = (position: number, partition = 0): Promise<void> =>
  expectMark(bench.database, position, partition);

describe('a store that fails', () => {
  const failing = (fail: (call: number) => Promise<void> | void, after = false): Store => {
    let call = 0;
    return {
      ...bench.store,
      apply: async (batch) => {
        call += 1;
        if (!after) await fail(call);
        const result = await bench.store.apply(batch);
        if (after) await fail(call);
        return result;
      },
    };
  };

  it.each([
    ['before', false],
    ['after', true],
  ])('for a while %s the commit is waited for, and nothing comes twice', async (_, after) => {
    let broken = true;
    const store = failing((call) => {
      if (broken || call % 3 === 0) throw failure('transient');
    }, after);
    await bench.append(recordsOf({ position: 30 }));
    const { writer } = bench.start({ store }, { batchRecordsMax: 4 });
    await until(() => expect(statusOf(writer).state).toBe('waiting'));
    expect(statusOf(writer).reason).toEqual({
      code: 'STORE_TEST',
      message: 'It is transient.',
      remedy: 'None.',
    });
    expect(writer.status().ready).toBe(false);
    await until(() => expect(statusOf(writer).lagMs).toBeGreaterThan(0));
    await bench.append(recordsOf({ from: at(30), position: 33 }));
    broken = false;
    await reaches(33);
    expectWhole(bench.database, 33);
    await until(() => expect(statusOf(writer).state).toBe('running'));
  });

  it('for ever stops its partition, and the others go on', async () => {
    await bench.stop();
    bench = new WriterBench({ partitions: 2 });
    const store: Store = {
      ...bench.store,
      apply: async (batch) => {
        if (batch.key.partition === 0) throw failure('permanent');
        return bench.store.apply(batch);
      },
    };
    await bench.append(recordsOf({ position: 3 }), 0);
    await bench.append(recordsOf({ position: 3 }), 1);
    const { writer, over } = bench.start({ store });
    await reaches(3, 1);
    await until(() => expect(statusOf(writer).state).toBe('stopped'));
    expect(statusOf(writer).reason?.code).toBe('STORE_TEST');
    await writer.stop();
    await expect(over).resolves.toBeUndefined();
  });

  it('that a person has mended is no reason any more: it is looked at again', async () => {
    let calls = 0;
    const apply: Store['apply'] = async (batch) => {
      calls += 1;
      if (calls < 5) throw failure('permanent');
      return bench.store.apply(batch);
    };
    await bench.append(recordsOf({ position: 3 }));
    const told: string[] = [];
    const states = new Set<string>();
    const log = { ...silentLog, error: (_: unknown, message: string) => void told.push(message) };
    const { writer } = bench.start({ store: { ...bench.store, apply }, log }, { lookAgainMs: 3 });
    await until(() => {
      states.add(statusOf(writer).state);
      expect(statusOf(writer).state).toBe('running');
      expect(markOf(bench.database)).toEqual(at(3));
    });
    expect(calls).toBe(5);
    expect(told).toEqual(['The writer stopped a partition; the log keeps what it did not apply.']);
    expect(states).toContain('stopped');
    expect(statusOf(writer).reason).toBeUndefined();
  });

  it('to answer is none yet where a batch is many times as large as usual', async () => {
    let aheadUs = 0;
    const clock: Clock = { ...systemClock, nowUs: () => systemClock.nowUs() + aheadUs };
    let goOn = (): void => undefined;
    const asked = new Promise<void>((resolve) => (goOn = resolve));
    let answer = (): void => undefined;
    const apply: Store['apply'] = async (batch) => {
      goOn();
      await new Promise<void>((resolve) => (answer = resolve));
      return await bench.store.apply(batch);
    };
    await bench.append(recordsOf({ position: 9, offsetsMax: 9 }));
    const parts = { store: { ...bench.store, apply }, clock };
    const { writer } = bench.start(parts, { batchEntriesMax: 3 });
    await asked;
    aheadUs = 15_000_000;
    expect(statusOf(writer).state).toBe('running');
    aheadUs = 600_000_000;
    expect(statusOf(writer)).toMatchObject({
      state: 'waiting',
      reason: { code: 'WRITER_STORE_SILENT' },
    });
    answer();
    await reaches(9);
  });

  it('that nobody reaches is noticed when it is back, however long the pause', async () => {
    let isAway = true;
    const away = <T>(ask: () => Promise<T>): Promise<T> =>
      isAway ? Promise.reject(failure('transient', StoreErrorCode.unreachable)) : ask();
    const marks: Store['marks'] = (partition) => away(() => bench.store.marks(partition));
    await bench.append(recordsOf({ position: 3 }));
    const pauses = { retryMsMin: 3_600_000, retryMsMax: 3_600_000, lookForStoreMs: 10 };
    const { writer } = bench.start({ store: { ...bench.store, marks } }, pauses);
    await until(() => expect(statusOf(writer).state).toBe('waiting'));
    isAway = false;
    await reaches(3);
  });

  it('that goes away because of what it is given is let alone', async () => {
    let applied = 0;
    let looked = 0;
    const marks: Store['marks'] = (partition) => {
      looked += 1;
      return bench.store.marks(partition);
    };
    const apply: Store['apply'] = () => {
      applied += 1;
      return Promise.reject(failure('transient', StoreErrorCode.unreachable));
    };
    await bench.append(recordsOf({ position: 3 }));
    const pauses = { retryMsMin: 3_600_000, retryMsMax: 3_600_000, lookForStoreMs: 1 };
    const { writer } = bench.start({ store: { ...bench.store, marks, apply } }, pauses);
    await until(() => expect(statusOf(writer).state).toBe('waiting'));
    const before = looked;
    await bench.append(recordsOf({ from: at(3), position: 6 }));
    await until(() => expect(statusOf(writer).endOffset).toBeGreaterThan(1));
    expect({ applied, looked }).toEqual({ applied: 1, looked: before });
  });

  it('by a defect makes run reject', async () => {
    await bench.append(recordsOf({ position: 3 }));
    const { over } = bench.start({ store: failing(() => Promise.reject(failure('defect'))) });
    await expect(over).rejects.toThrow('It is defect.');
  });

  it('at reading its marks is waited for', async () => {
    let calls = 0;
    const marks: Store['marks'] = async (partition) => {
      calls += 1;
      if (calls < 5) throw failure('transient');
      return bench.store.marks(partition);
    };
    await bench.append(recordsOf({ position: 3 }));
    bench.start({ store: { ...bench.store, marks } });
    await reaches(3);
    expect(calls).toBe(5);
  });
});

describe('a writer that ends', () => {
  it('in the middle of anything leaves nothing out and repeats nothing', async () => {
    await bench.append(recordsOf({ position: 60 }));
    // Every writer ends for good at one call, before or after the store has done it.
    for (let round = 0; round < 24; round += 1) {
      const died = deferred();
      let calls = 0;
      const dieAt = 1 + (round % 4);
      const dying = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
        return async (...args: A): Promise<R> => {
          calls += 1;
          if (calls > dieAt) return new Promise<R>(() => undefined);
          if (calls === dieAt && round % 2 === 1) await act(...args);
          if (calls === dieAt) {
            died.resolve();
            return new Promise<R>(() => undefined);
          }
          return act(...args);
        };
      };
      const { store } = bench;
      const mortal: Store = {
        ...store,
        marks: dying(store.marks),
        openMark: dying(store.openMark),
        apply: dying(store.apply),
      };
      const { writer } = bench.start({ store: mortal }, { batchRecordsMax: 2, stopMsMax: 1 });
      await died.promise;
      await writer.stop();
    }
    bench.start();
    await reaches(60);
    expectWhole(bench.database, 60);
  });

  it('by stop finishes the transaction under way and tells of it', async () => {
    const begun = deferred();
    const goOn = deferred();
    const store: Store = {
      ...bench.store,
      apply: async (batch) => {
        begun.resolve();
        await goOn.promise;
        return bench.store.apply(batch);
      },
    };
    const stored: Address[] = [];
    await bench.append(recordsOf({ position: 3, offsetsMax: 3 }));
    await bench.append(recordsOf({ from: at(3), position: 6 }));
    const { writer, over } = bench.start(
      { store, marks: { set: (_, position) => stored.push(position) } },
      { batchRecordsMax: 1 },
    );
    await begun.promise;
    const stopping = writer.stop();
    goOn.resolve();
    await stopping;
    await expect(over).resolves.toBeUndefined();
    expect(stored).toEqual([at(3)]);
    expect(markOf(bench.database)).toEqual(at(3));
    expect(statusOf(writer).state).toBe('stopped');
  });

  it('by stop does not wait for ever for a transaction', async () => {
    const begun = deferred();
    const apply = (): Promise<never> => {
      begun.resolve();
      return new Promise<never>(() => undefined);
    };
    await bench.append(recordsOf({ position: 3 }));
    const { writer, over } = bench.start({ store: { ...bench.store, apply } }, { stopMsMax: 20 });
    await begun.promise;
    await writer.stop();
    await expect(over).resolves.toBeUndefined();
  });

  it('by stop while it waits for the store does so at once', async () => {
    const marks = (): Promise<never> => Promise.reject(failure('transient'));
    const { writer, over } = bench.start(
      { store: { ...bench.store, marks } },
      { retryMsMin: 3_600_000, retryMsMax: 3_600_000 },
    );
    await until(() => expect(statusOf(writer).state).toBe('waiting'));
    await writer.stop();
    await expect(over).resolves.toBeUndefined();
  });

  it('before it ran has nothing to stop', async () => {
    const { writer, over } = bench.start();
    await writer.stop();
    await writer.stop();
    await expect(over).resolves.toBeUndefined();
  });
});
