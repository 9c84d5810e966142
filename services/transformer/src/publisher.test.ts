import { MillraceError, systemClock, type Clock } from '@millrace/runtime';
import type { Producer } from '@millrace/stream';
import { decodeSeriesRecordHeader, EntryType, SeriesRecordBuilder } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { Publisher } from './publisher.ts';

const HEAD = { logId: '00'.repeat(16), logNumber: 1, source: 'live', foldVersion: 1 };
const METADATA = { tenant: '', metric: 'm', type: '', help: '', unit: '' };
/** Sleeps end at once. */
const clock: Clock = { nowUs: () => 0, sleep: () => Promise.resolve() };

/** A publisher whose appends settle when the test says so. */
class Bench {
  readonly builder = new SeriesRecordBuilder(HEAD, { offset: 0, ordinal: 0 }, 1000);
  readonly over = new AbortController();
  readonly appended: Uint8Array[] = [];
  readonly publisher: Publisher;
  retries = 0;
  position = 0;
  #settle: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(pendingBytesMax = 1e6) {
    const producer: Producer = {
      append: (_topic, _partition, payload) => {
        this.appended.push(payload);
        return new Promise((resolve, reject) => {
          this.#settle.push({ resolve: () => resolve({ offset: 0, appendTimeUs: 0 }), reject });
        });
      },
      close: async () => undefined,
    };
    this.publisher = new Publisher({
      partition: 0,
      builder: this.builder,
      producer,
      clock,
      signal: this.over.signal,
      pendingBytesMax,
      onSend: () => undefined,
      onRetry: () => (this.retries += 1),
      onPublished: () => undefined,
    });
  }

  /** Folds records that put out so many entries, and pumps. */
  fold(records: number, entries = 1): void {
    for (let i = 0; i < records; i += 1) {
      this.builder.begin(this.position);
      for (let e = 0; e < entries; e += 1) this.builder.entry(EntryType.metadata, METADATA);
      this.position += 1;
    }
    this.publisher.pump(() => this.position);
  }

  async acknowledge(): Promise<void> {
    this.#settle.shift()!.resolve();
    await turn();
  }

  async fail(kind: 'transient' | 'permanent'): Promise<void> {
    this.#settle.shift()!.reject(new MillraceError({ code: 'AWAY', kind, message: 'Away.' }));
    await turn();
  }

  get ranges(): [number, number][] {
    return this.appended.map((payload) => {
      const { from, to } = decodeSeriesRecordHeader(payload);
      return [from.offset, to.offset];
    });
  }
}

/** Lets everything run that can. */
const turn = (): Promise<void> => systemClock.sleep(0);

/** What each is rejected with. */
async function rejections(promises: Promise<void>[]): Promise<PromiseRejectedResult[]> {
  const results = await Promise.allSettled(promises);
  expect(results.map(({ status }) => status)).toEqual(promises.map(() => 'rejected'));
  return results as PromiseRejectedResult[];
}

async function stateOf(promise: Promise<unknown>): Promise<string> {
  return Promise.race([
    promise.then(
      () => 'resolved',
      (error: unknown) => (error instanceof Error ? error.name : 'rejected'),
    ),
    turn().then(() => 'pending'),
  ]);
}

describe('Publisher', () => {
  it('has one append under way, and fills the next record meanwhile', async () => {
    const bench = new Bench();
    bench.fold(1);
    bench.fold(3);
    expect(bench.ranges).toEqual([[0, 1]]);
    await bench.acknowledge();
    expect(bench.ranges).toEqual([
      [0, 1],
      [1, 4],
    ]);
    await bench.acknowledge();
    expect(await stateOf(bench.publisher.settled())).toBe('resolved');
  });

  it('sends the same bytes again after an error', async () => {
    const bench = new Bench();
    bench.fold(1);
    await bench.fail('transient');
    bench.fold(1);
    await bench.fail('transient');
    await bench.acknowledge();
    expect(bench.retries).toBe(2);
    expect(bench.appended[1]).toBe(bench.appended[0]);
    expect(bench.ranges.at(-1)).toEqual([1, 2]);
  });

  it('lets the fold wait while too much is to be published', async () => {
    const bench = new Bench(2000);
    bench.fold(200);
    const room = bench.publisher.room();
    while ((await stateOf(room)) === 'pending') await bench.acknowledge();
    expect(await stateOf(room)).toBe('resolved');
    expect(bench.appended.length).toBeGreaterThan(3);
  });

  it('tells everybody who waits when it broke down', async () => {
    const bench = new Bench(10);
    bench.fold(50);
    const settled = rejections([bench.publisher.room(), bench.publisher.settled()]);
    expect(await stateOf(settled)).toBe('pending');
    await bench.fail('permanent');
    for (const { reason } of await settled) expect(reason).toMatchObject({ code: 'AWAY' });
    bench.fold(1);
    await expect(bench.publisher.room()).rejects.toMatchObject({ code: 'AWAY' });
    expect(bench.appended).toHaveLength(1);
  });

  it('keeps nobody waiting for an append that never comes back, once it is over', async () => {
    const bench = new Bench(10);
    bench.fold(50);
    const settled = rejections([bench.publisher.room(), bench.publisher.settled()]);
    expect(await stateOf(settled)).toBe('pending');
    bench.over.abort();
    for (const { reason } of await settled) expect(reason).toMatchObject({ name: 'AbortError' });
  });

  it('never appends what was being decided when it was over', async () => {
    const bench = new Bench();
    bench.fold(1);
    // A defect strikes while the record at offset 1 is folded.
    bench.builder.begin(1);
    bench.builder.entry(EntryType.metadata, METADATA);
    bench.over.abort();
    await bench.acknowledge();
    expect(bench.ranges).toEqual([[0, 1]]);
    expect(await stateOf(bench.publisher.settled())).toBe('AbortError');
  });
});
