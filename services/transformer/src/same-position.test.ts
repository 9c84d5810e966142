import type { StateCommit } from '@millrace/state';
import { MemoryStateStore } from '@millrace/state/memory';
import { expect, it, vi } from 'vitest';
import { StageBench } from './testing/stage-bench.ts';
import { variedLog } from './testing/varied-log.ts';

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 2 });
}

/** That of an owner that falls asleep in front of a commit. */
class SleepingBeforeCommits extends MemoryStateStore {
  readonly outcomes: string[] = [];
  sleepers = 0;
  #wake: Promise<void> | undefined;

  /** Returns what wakes it. */
  sleep(): () => void {
    let resolve!: () => void;
    this.#wake = new Promise((done) => {
      resolve = done;
    });
    return () => {
      this.#wake = undefined;
      resolve();
    };
  }

  override async commit(commit: StateCommit): Promise<'committed' | 'outrun'> {
    if (this.#wake !== undefined) {
      this.sleepers += 1;
      await this.#wake;
    }
    const outcome = await super.commit(commit);
    this.outcomes.push(outcome);
    return outcome;
  }
}

it('an owner that slept commits nothing over another state of the same position', async () => {
  const bench = new StageBench();
  const log = variedLog(22, { records: 80 });
  for (const { record } of log.slice(0, 60)) bench.append(record);
  const state = new SleepingBeforeCommits(bench.database);
  const transformer = bench.start({}, { state });
  const running = transformer.run();
  await until(() => expect(bench.committed() ?? 0).toBeGreaterThanOrEqual(60));
  const wake = state.sleep();
  for (const { record } of log.slice(60)) bench.append(record);
  await until(() => expect(state.sleepers).toBe(1));

  // It is put back, and somebody else comes to the same position by a commit of its own.
  const other = new MemoryStateStore(bench.database);
  const { logId, position, pages } = (await other.load(0))!;
  const back = { partition: 0, next: { logId, position: 0 }, pages: new Map() };
  expect(await other.commit({ ...back, expected: { logId, position } })).toBe('committed');
  const again = { partition: 0, next: { logId, position }, pages };
  expect(await other.commit({ ...again, expected: { logId, position: 0 } })).toBe('committed');

  expect(state.outcomes).not.toContain('outrun');
  wake();
  await until(() => expect(state.outcomes).toContain('outrun'));
  // What it had put out before it was outrun is put out again: up to there, whatever ticks came.
  const end = bench.end();
  await until(() => expect(bench.committed()).toBeGreaterThanOrEqual(end));
  await transformer.stop();
  await running;
  expect(bench.published()).toEqual(bench.expected(bench.committed()!));
});
