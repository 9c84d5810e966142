import type { DiskRoom } from '@millrace/runtime';
import { expect, test } from 'vitest';
import { checkRoom } from './check-room.ts';
import { sizeOf } from './past-size.ts';

type SizedReport = Parameters<typeof sizeOf>[0];

const GIB = 2 ** 30;
const NOW_US = Date.parse('2026-11-29T15:00:00Z') * 1000;
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
  const partitions = [{ samples: 5, from: '2026-11-29T12:00:00Z' }];
  const report = { rules: [rule('1h', 2400), rule('1d', 10)], partitions } as SizedReport;
  const { store, log } = sizeOf(report, NOW_US);
  expect(store).toBeCloseTo(4 * 100 + (27 / 24) * 10, 6);
  expect(log).toBe(store);
});

test('history is as long as the oldest partition that had a sample', () => {
  const partitions = [
    { samples: 5, from: '2026-11-29T09:00:00Z' },
    { samples: 9, from: '2026-11-28T15:00:00Z' },
    { samples: 0, from: '2026-10-30T15:00:00Z' },
  ];
  expect(sizeOf({ rules: [], partitions } as unknown as SizedReport, NOW_US).days).toBe(1);
});
