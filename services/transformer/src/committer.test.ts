import { createMeter, MillraceError, silentLog, systemClock, type Clock } from '@millrace/runtime';
import type { StateCommit, StateStore } from '@millrace/state';
import { SeriesRecordBuilder } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { Committer } from './committer.ts';
import { createTransformerEvents } from './events.ts';
import { FOLD_VERSION, PartitionFold } from './fold/partition-fold.ts';
import { newPartitionHead } from './fold/partition-state.ts';
import { LargeCommits } from './large-commits.ts';
import { OwnerProgress } from './owner-progress.ts';
import type { Publisher } from './publisher.ts';
import { DEFAULT_TRANSFORMER_SETTINGS } from './settings.ts';
import type { OwnedPartition } from './take-over.ts';
import { TEST_LOG_ID } from './testing/fold-run.ts';

type Outcome = 'committed' | 'outrun' | 'transient' | 'permanent';

class Bench {
  readonly commits: StateCommit[] = [];
  readonly over = new AbortController();
  readonly owned: OwnedPartition;
  readonly committer: Committer;
  nowUs = 1e15;
  /** How long each commit takes. */
  tookMs = 0;
  /** How long it takes until all before it is acknowledged. */
  publishingMs = 0;
  acknowledged = true;
  outcomes: Outcome[] = [];
  readonly largeCommits = new LargeCommits();

  constructor() {
    const head = { logId: TEST_LOG_ID, logNumber: 1, source: 'live', foldVersion: FOLD_VERSION };
    const builder = new SeriesRecordBuilder(head, { offset: 0, ordinal: 0 }, 1e6);
    const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, builder);
    this.owned = { fold, builder, committed: undefined };
    const clock: Clock = {
      nowUs: () => this.nowUs,
      sleep: async (ms) => {
        this.nowUs += ms * 1000;
      },
    };
    const state: StateStore = {
      load: async () => undefined,
      commit: async (commit) => this.#commit(commit),
      discardCorrupt: async () => false,
      close: async () => undefined,
    };
    // Only what a commit needs of it: whether all before it was acknowledged.
    const publisher = {
      pump: () => undefined,
      settled: async () => {
        this.nowUs += this.publishingMs * 1000;
        if (!this.acknowledged) await new Promise(() => undefined);
      },
    } as unknown as Publisher;
    const events = createTransformerEvents(silentLog, createMeter());
    const settings = { ...DEFAULT_TRANSFORMER_SETTINGS, partitions: [0], commitMs: 1000 };
    const { signal } = this.over;
    const progress = new OwnerProgress(0);
    const { largeCommits } = this;
    const parts = { partition: 0, state, clock, signal, events, progress, largeCommits, settings };
    this.committer = new Committer(parts, this.owned, publisher);
  }

  async later(ms: number): Promise<void> {
    this.owned.fold.head.position += 1;
    this.nowUs += ms * 1000;
    this.committer.commitWhenDue();
    await this.committer.settled();
  }

  #commit(commit: StateCommit): 'committed' | 'outrun' {
    this.commits.push(commit);
    this.nowUs += this.tookMs * 1000;
    const outcome = this.outcomes.shift() ?? 'committed';
    if (outcome === 'committed' || outcome === 'outrun') return outcome;
    throw new MillraceError({ code: 'STATE_AWAY', kind: outcome, message: 'Away.' });
  }
}

describe('Committer', () => {
  it('commits as often as it is asked to, each on top of the last', async () => {
    const bench = new Bench();
    for (const ms of [500, 500, 500, 600]) await bench.later(ms);
    const positions = bench.commits.map(({ expected, next }) => [
      expected?.position,
      next.position,
    ]);
    expect(positions).toEqual([
      [undefined, 2],
      [2, 4],
    ]);
    // The very commit that it made, and not what else may stand there.
    const [first, second] = bench.commits;
    expect(first!.next.commitId).toEqual(expect.any(String));
    expect(second!.expected).toEqual(first!.next);
    await bench.committer.commitLast();
    expect(bench.commits).toHaveLength(2);
  });

  it.each([
    [500, 10_000],
    [30_000, 60_000],
  ])('that takes %i ms leaves %i ms between two', async (tookMs, betweenMs) => {
    const bench = new Bench();
    bench.tookMs = tookMs;
    await bench.later(1000);
    expect(bench.commits).toHaveLength(1);
    await bench.later(betweenMs - tookMs - 1);
    expect(bench.commits).toHaveLength(1);
    await bench.later(1);
    expect(bench.commits).toHaveLength(2);
  });

  it('is put off neither by publishing nor by a state that was away', async () => {
    const bench = new Bench();
    bench.publishingMs = 3000;
    bench.tookMs = 150;
    bench.outcomes = ['transient', 'transient'];
    await bench.later(1000);
    expect(bench.commits).toHaveLength(3);
    // Its beginning was longer ago than twenty times what the one call took that wrote the pages.
    await bench.later(1);
    expect(bench.commits).toHaveLength(4);
  });

  it('is put off by taking the pages', async () => {
    const bench = new Bench();
    // Half a second goes by while the head is encoded.
    const get = (): number => {
      bench.nowUs += 500_000;
      return 1;
    };
    Object.defineProperty(bench.owned.fold.head, 'logNumber', { enumerable: true, get });
    await bench.later(1000);
    await bench.later(10_000 - 500 - 1);
    expect(bench.commits).toHaveLength(1);
    await bench.later(1);
    expect(bench.commits).toHaveLength(2);
  });

  it('lets no other large one begin between its end and the rest behind it', async () => {
    const bench = new Bench();
    bench.tookMs = 100;
    const { largeCommits } = bench;
    const end = largeCommits.end.bind(largeCommits);
    const begun: boolean[] = [];
    largeCommits.end = (partition) => {
      end(partition);
      begun.push(largeCommits.begin(1, bench.nowUs, false));
    };
    bench.owned.fold.head.lastDigest = 'x'.repeat(17 * 1024 * 1024);
    await bench.later(1000);
    expect(bench.commits).toHaveLength(1);
    expect(begun).toEqual([false]);
  });

  it('goes on although the clock was set back', async () => {
    const bench = new Bench();
    await bench.later(1000);
    await bench.later(-3_600_000);
    await bench.later(1000);
    expect(bench.commits).toHaveLength(2);
  });

  it('tries again with the same pages while the state is away', async () => {
    const bench = new Bench();
    bench.outcomes = ['transient', 'transient'];
    await bench.later(1000);
    expect(bench.commits).toHaveLength(3);
    expect(bench.commits[2]).toBe(bench.commits[0]);
    expect(bench.owned.committed?.position).toBe(1);
  });

  it.each<[Outcome, string]>([
    ['outrun', 'TRANSFORMER_OUTRUN'],
    ['permanent', 'STATE_AWAY'],
  ])(
    'tells of a commit that ended with %s when it is asked the next time',
    async (outcome, code) => {
      const bench = new Bench();
      bench.outcomes = [outcome];
      await bench.later(1000);
      expect(() => bench.committer.commitWhenDue()).toThrow(expect.objectContaining({ code }));
      await expect(bench.committer.commitLast()).rejects.toMatchObject({ code });
      expect(bench.owned.committed).toBeUndefined();
    },
  );

  it('begins no commit while one is under way', async () => {
    const bench = new Bench();
    bench.acknowledged = false;
    bench.owned.fold.head.position += 1;
    for (let i = 0; i < 3; i += 1) {
      bench.nowUs += 2e6;
      bench.committer.commitWhenDue();
    }
    await systemClock.sleep(0);
    expect(bench.commits).toHaveLength(0);
  });
});
