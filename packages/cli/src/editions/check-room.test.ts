import type { DiskRoom } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { checkRoom } from './check-room.ts';
import { sizeOf } from './past-size.ts';

const GIB = 2 ** 30;
const roomOf = async (path: string): Promise<DiskRoom> => {
  const device = path === '/store' ? 1 : 2;
  return { device, totalBytes: 100 * GIB, freeBytes: 5 * GIB, keptFreeBytes: GIB };
};
const need = (path: string, gib: number) => ({ what: `on ${path}`, path, bytes: gib * GIB });

test('what does not fit on a volume is refused, with what is missing', async () => {
  await checkRoom([need('/store', 4), need('/log', 3), need('/jobs', 1)], roomOf);
  const refused = checkRoom([need('/store', 1), need('/log', 3), need('/jobs', 1.5)], roomOf);
  await expect(refused).rejects.toMatchObject({
    code: 'REPROCESS_NO_ROOM',
    message:
      'The past under these rules would take up about 4.5 GiB: 3.0 GiB on /log, 1.5 GiB on ' +
      '/jobs; the disk of /log has 5.0 GiB free, and 1.0 GiB of it are kept for what arrives. ' +
      '512.0 MiB are missing. Nothing was begun.',
    remedy: expect.stringContaining('--force'),
  });
});

test('a volume that is short already takes nothing more', async () => {
  const short = async (): Promise<DiskRoom> => ({ ...(await roomOf('/log')), freeBytes: 1 });
  await expect(checkRoom([need('/log', 0.001)], short)).rejects.toThrow('are missing');
  await checkRoom([need('/log', 0)], short);
});

test('windows that only reach into the range are reckoned with as a whole', () => {
  const rule = (width: string, bytesPerDay: number) => ({ widths: [{ width, bytesPerDay }] });
  const report = { rules: [rule('1h', 2400), rule('1d', 10)] } as Parameters<typeof sizeOf>[0];
  const { store, log } = sizeOf(report, 3 * 3_600_000_000);
  expect(store).toBeCloseTo(4 * 100 + (27 / 24) * 10, 6);
  expect(log).toBe(store);
});
