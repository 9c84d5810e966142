import { silentLog, type Clock, type DiskRoom, type Log } from '@millrace/runtime';
import { sleepUntil } from '@millrace/runtime/testing';
import { expect, test, vi } from 'vitest';
import { watchDisk } from './disk-watch.ts';

const MIB = 2 ** 20;
const ROOM: DiskRoom = { device: 1, totalBytes: 0, freeBytes: 0, keptFreeBytes: 100 * MIB };

test('a disk is full on any of the volumes, and has room again with some more', async () => {
  const free = new Map([
    ['/log', 900 * MIB],
    ['/store', 101 * MIB],
  ]);
  let looks = 0;
  let wake = (): void => undefined;
  const clock: Clock = {
    nowUs: () => 0,
    sleep: async (_ms, signal) => {
      looks += 1;
      await sleepUntil(new Promise<void>((resolve) => (wake = resolve)), signal);
    },
  };
  let unreadable: string | undefined;
  const roomOf = async (path: string): Promise<DiskRoom> => {
    if (path === unreadable) throw new Error('it is not mounted just now');
    return { ...ROOM, freeBytes: free.get(path)! };
  };
  let failures = 0;
  const lines: string[] = [];
  const note = (_fields: object, line: string): void => void lines.push(line);
  const log: Log = { ...silentLog, warn: note, info: note };
  const onFailed = (): void => void (failures += 1);
  const watch = await watchDisk({ clock, log, onFailed, roomOf }, ['/log', '/store']);
  const after = async (path: string, bytes: number): Promise<string | undefined> => {
    free.set(path, bytes);
    const before = looks;
    wake();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before), 10_000);
    return watch.whyFull()?.message;
  };
  await vi.waitFor(() => expect(looks).toBe(1), 10_000);
  expect(watch.whyFull()).toBeUndefined();
  expect(await after('/store', 99 * MIB)).toMatch(/^The disk of \/store has 99 MiB left, and 100/);
  expect(await after('/store', 110 * MIB)).toMatch(/^The disk of \/store/);
  expect(watch.whyFull()).toMatchObject({ code: 'JOB_DISK_FULL', kind: 'transient' });
  unreadable = '/store';
  expect(await after('/store', 130 * MIB)).toMatch(/^The disk of \/store/);
  unreadable = undefined;
  expect(await after('/store', 120 * MIB)).toMatch(/^The disk of \/store/);
  expect(await after('/store', 130 * MIB)).toBeUndefined();
  expect(lines.splice(0)).toEqual([
    'How much room a disk has is not known: jobs rest until it is.',
    'The room on all disks is known again.',
  ]);
  // What can wait does not take room that nobody knows of.
  unreadable = '/store';
  expect(await after('/log', 900 * MIB)).toMatch(
    /^How much room the disk of \/store has is not known \(it is not mounted just now\): jobs rest/,
  );
  expect(watch.whyFull()).toMatchObject({ code: 'JOB_DISK_UNKNOWN', kind: 'transient' });
  // The other one is looked at all the same.
  expect(await after('/log', 1 * MIB)).toMatch(/^The disk of \/log/);
  expect({ failures, lines }).toEqual({ failures: 3, lines: [lines[0]] });
  await watch.stop();
});
