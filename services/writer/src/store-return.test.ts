import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@millrace/runtime';
import { describe, expect, it } from 'vitest';
import { StoreReturn } from './store-return.ts';
import { failure } from './testing/expectations.ts';

const LOOK_MS = 1000;

/** Time that passes only when it is told to, in order. */
class SteppedClock implements Clock {
  #nowMs = 0;
  /** Of those that wake at the same time, whoever fell asleep last is first. */
  isLastFirst = false;
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>();

  nowUs(): number {
    return this.#nowMs * 1000;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal!.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { untilMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      for (let i = 0; i < 10; i += 1) await setImmediate();
      const all = this.isLastFirst ? [...this.#sleepers].reverse() : [...this.#sleepers];
      const [next] = all.sort((a, b) => a.untilMs - b.untilMs);
      if (next === undefined || next.untilMs > endMs) break;
      this.#nowMs = next.untilMs;
      this.#sleepers.delete(next);
      next.wake();
    }
    this.#nowMs = endMs;
  }
}

function scene(
  partitions: number,
  delayMs: number,
  away = (): Promise<void> => Promise.reject(failure('transient')),
) {
  const clock = new SteppedClock();
  const stopping = new AbortController();
  const scene = { clock, stopping, isThere: false, looks: 0, seenAtMs: [] as number[] };
  const absence = new StoreReturn({ clock, lookMs: LOOK_MS, onLook: () => (scene.looks += 1) });
  const look = (): Promise<void> => (scene.isThere ? Promise.resolve() : away());
  const waits = Array.from({ length: partitions }, () =>
    absence
      .wait({ delayMs, look }, stopping.signal)
      .then(() => void scene.seenAtMs.push(clock.nowUs() / 1000)),
  );
  return { ...scene, scene, absence, all: Promise.all(waits) };
}

it('one looks for all, and all go on soon after it is back', async () => {
  const { scene: seen, clock, all } = scene(4, 60_000);
  await clock.pass(20_000);
  expect(seen.seenAtMs).toEqual([]);
  // Not four times as many, and never more often than at half the interval.
  expect(seen.looks).toBeGreaterThanOrEqual(20);
  expect(seen.looks).toBeLessThanOrEqual(40);
  seen.isThere = true;
  await clock.pass(LOOK_MS);
  await all;
  expect(new Set(seen.seenAtMs).size).toBe(1);
});

it('a pause ends when it would have ended without looking', async () => {
  const { scene: seen, clock, all } = scene(3, 1800);
  await clock.pass(1800);
  await all;
  expect(seen.seenAtMs).toEqual([1800, 1800, 1800]);
  expect(seen.looks).toBeLessThanOrEqual(3);
});

it('a short pause is no time to look in', async () => {
  const { scene: seen, clock, all } = scene(2, 100);
  await clock.pass(100);
  await all;
  expect(seen.looks).toBe(0);
});

it('whoever finds it tells those that wait', async () => {
  const { scene: seen, clock, absence, all } = scene(3, 60_000);
  await clock.pass(100);
  absence.seen();
  // Whoever looks is asleep meanwhile, and finds it next.
  seen.isThere = true;
  await clock.pass(LOOK_MS);
  await all;
  expect(seen.seenAtMs.slice(0, 2)).toEqual([100, 100]);
});

it('who stops does not wait', async () => {
  const { scene: seen, clock, stopping, all } = scene(3, 60_000);
  await clock.pass(100);
  stopping.abort(failure('aborted'));
  await expect(all).rejects.toThrow('It is aborted.');
  expect(seen.seenAtMs).toEqual([]);
});

describe('where packets are lost', () => {
  const noAnswer = (): Promise<void> => new Promise(() => undefined);

  it('a pause is no longer for a look that has no answer', async () => {
    const { scene: seen, clock, all } = scene(3, 5000, noAnswer);
    await clock.pass(5000);
    await all;
    expect(seen.seenAtMs).toEqual([5000, 5000, 5000]);
    expect(seen.looks).toBeGreaterThan(0);
  });

  it('who stops does not wait for the answer', async () => {
    const { scene: seen, clock, stopping, all } = scene(3, 60_000, noAnswer);
    await clock.pass(2 * LOOK_MS);
    stopping.abort(failure('aborted'));
    await expect(all).rejects.toThrow('It is aborted.');
    expect(seen.seenAtMs).toEqual([]);
  });
});

it.each([false, true])('somebody looks when others leave together (%s)', async (isLastFirst) => {
  const clock = new SteppedClock();
  clock.isLastFirst = isLastFirst;
  let looks = 0;
  const absence = new StoreReturn({ clock, lookMs: LOOK_MS, onLook: () => (looks += 1) });
  const look = (): Promise<void> => Promise.reject(failure('transient'));
  const { signal } = new AbortController();
  const pauses = [...Array.from({ length: 8 }, () => 1800), 60_000].map((delayMs) =>
    absence.wait({ delayMs, look }, signal),
  );
  await clock.pass(1800);
  await Promise.all(pauses.slice(0, 8));
  const before = looks;
  await clock.pass(20_000);
  expect(looks - before).toBeGreaterThanOrEqual(18);
  await clock.pass(60_000);
  await Promise.all(pauses);
});
