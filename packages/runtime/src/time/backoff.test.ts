import { describe, expect, test } from 'vitest';
import { createBackoff, retryTransient } from './backoff.ts';
import type { Clock } from './clock.ts';
import { MillraceError, type ErrorKind } from '../errors.ts';

/** Sleeps return at once and are written down. */
function recordingClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    nowUs: () => 0,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      await Promise.resolve();
    },
  };
}

const failure = (kind: ErrorKind) => new MillraceError({ code: 'X', kind, message: 'x' });

describe('backoff', () => {
  test('doubles up to its bound and starts over after a reset', async () => {
    const clock = recordingClock();
    const backoff = createBackoff({ clock });
    for (let i = 0; i < 8; i += 1) await backoff.wait();
    expect(clock.slept).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(backoff.attempts).toBe(8);
    backoff.reset();
    expect(backoff.attempts).toBe(0);
    expect(backoff.delayMs).toBe(100);
  });

  test('rejects with the reason of an aborted signal', async () => {
    const backoff = createBackoff({ clock: recordingClock() });
    await expect(backoff.wait(AbortSignal.abort(failure('aborted')))).rejects.toThrow('x');
  });
});

describe('retryTransient', () => {
  test('goes on through transient errors and returns what came at last', async () => {
    const clock = recordingClock();
    const told: number[] = [];
    let calls = 0;
    const result = await retryTransient({
      clock,
      settings: { delayMsMin: 10, delayMsMax: 20 },
      onRetry: (_, delayMs) => told.push(delayMs),
      attempt: async () => {
        calls += 1;
        if (calls < 4) throw failure('transient');
        return await Promise.resolve(calls);
      },
    });
    expect(result).toBe(4);
    expect(clock.slept).toEqual([10, 20, 20]);
    expect(told).toEqual(clock.slept);
  });

  test.each(['permanent', 'outrun', 'defect', 'aborted'] as const)(
    'does not repeat what failed as %s',
    async (kind) => {
      const clock = recordingClock();
      const attempt = () => Promise.reject(failure(kind));
      await expect(retryTransient({ clock, attempt })).rejects.toMatchObject({ kind });
      expect(clock.slept).toEqual([]);
    },
  );

  test('does not begin once the signal has aborted', async () => {
    const signal = AbortSignal.abort(failure('aborted'));
    let calls = 0;
    const attempt = async () => {
      calls += 1;
      await Promise.resolve();
    };
    await expect(
      retryTransient({ clock: recordingClock(), signal, attempt }),
    ).rejects.toMatchObject({
      kind: 'aborted',
    });
    expect(calls).toBe(0);
  });
});
