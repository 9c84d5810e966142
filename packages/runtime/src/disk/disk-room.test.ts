import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diskRoom } from './disk-room.ts';

test('the room of a volume is known, also of a path that is not there yet', async () => {
  const room = await diskRoom(tmpdir());
  expect(room.device).toBe((await stat(tmpdir())).dev);
  expect(room.totalBytes).toBeGreaterThan(room.freeBytes);
  expect(room.keptFreeBytes).toBeGreaterThan(0);
  expect(room.keptFreeBytes).toBeLessThanOrEqual(0.05 * room.totalBytes + 1);
  const missing = await diskRoom(join(tmpdir(), 'nobody', 'made', 'this'));
  expect(missing).toMatchObject({ device: room.device, totalBytes: room.totalBytes });
  await expect(diskRoom('/proc/self/nonsense\0')).rejects.toThrow();
});
