import { silentLog, systemClock, type Log } from '@millrace/runtime';
import { afterEach, expect, test, vi } from 'vitest';
import { pollPositions, type PolledPositions } from './polled-positions.ts';

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 5000, interval: 2 });
}

const opened: PolledPositions[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

function begin(log: Log = silentLog) {
  const stored = new Map<number, number>();
  const reads: (readonly number[])[] = [];
  const faults: Error[] = [];
  let underWay = 0;
  const positions = pollPositions(
    {
      clock: systemClock,
      log,
      read: async (partitions) => {
        reads.push(partitions);
        underWay += 1;
        expect(underWay).toBe(1);
        await systemClock.sleep(2);
        underWay -= 1;
        const [fault] = faults;
        if (fault !== undefined) throw fault;
        return new Map(partitions.map((partition) => [partition, stored.get(partition) ?? 0]));
      },
    },
    { pollMs: 5 },
  );
  opened.push(positions);
  return { stored, reads, faults, positions };
}

const never = new AbortController().signal;

test('the store is asked about what somebody waits for, and only while he does', async () => {
  const { stored, reads, positions } = begin();
  expect(reads).toEqual([]);
  const first = positions.wait(3, 7, never);
  const second = positions.wait(1, 2, never);
  await until(() => expect(reads.length).toBeGreaterThan(2));
  expect(reads.at(-1)!.toSorted((a, b) => a - b)).toEqual([1, 3]);
  stored.set(1, 2);
  await second;
  await until(() => expect(reads.at(-1)).toEqual([3]));
  stored.set(3, 9);
  await first;
  expect(positions.position(3)).toBe(9);
  const asked = reads.length;
  await systemClock.sleep(30);
  expect(reads.length).toBe(asked);
  // Known already: nobody is asked.
  await positions.wait(3, 8, never);
  expect(reads.length).toBe(asked);
});

test('who gives up waits no longer, and nobody is asked for him', async () => {
  const { reads, positions } = begin();
  const leaving = new AbortController();
  const waiting = positions.wait(0, 1, leaving.signal);
  await until(() => expect(reads.length).toBeGreaterThan(0));
  leaving.abort();
  await expect(waiting).rejects.toThrow();
  await expect(positions.wait(0, 1, leaving.signal)).rejects.toThrow();
  const asked = reads.length;
  await systemClock.sleep(30);
  expect(reads.length - asked).toBeLessThan(2);
});

test('a store that does not answer is told once, and waited for', async () => {
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (_, message) => lines.push(message),
    info: (_, message) => lines.push(message),
  };
  const { stored, reads, faults, positions } = begin(log);
  faults.push(new Error('it is away'));
  stored.set(0, 5);
  await positions.refresh([0]);
  expect(positions.position(0)).toBe(0);
  const waiting = positions.wait(0, 5, never);
  await until(() => expect(reads.length).toBeGreaterThan(3));
  expect(lines).toHaveLength(1);
  faults.pop();
  await waiting;
  expect(lines).toHaveLength(2);
});
