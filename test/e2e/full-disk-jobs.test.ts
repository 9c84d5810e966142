import { open, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageStatus } from '@millrace/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SHOP_RULES } from '../integration/killed-reprocess.ts';
import { Playground, push, until, type RunningMillrace } from '../integration/running-millrace.ts';
import { ShopSamples } from '../integration/shop-samples.ts';
import { SmallDisk } from './crash-world.ts';

const DISK_MIB = 700;
const SOON_MS_MAX = 60_000;
/** Less than the twentieth that is kept, and more than what arrives takes up. */
const LEFT_BYTES = 25 * 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

if (!SmallDisk.isPossible) {
  process.stderr.write(
    '!! NOT RUN: jobs on a full disk, which need to mount one. Run it as root.\n',
  );
}

describe.skipIf(!SmallDisk.isPossible)('the past on a full disk', { timeout: 240_000 }, () => {
  let disk: SmallDisk;
  let playground: Playground;
  beforeEach(async () => {
    disk = await SmallDisk.make(DISK_MIB);
    playground = await Playground.make(disk.path);
  });
  afterEach(async () => {
    await playground.remove();
    await disk.remove();
  });

  test('is refused; begun all the same it rests, and what arrives goes on', async () => {
    const rules = join(playground.path, 'rules.yaml');
    await writeFile(rules, SHOP_RULES);
    const millrace = await playground.up({ env: QUIET });
    const fromMs = Date.now() - 40 * 60_000;
    const samples = new ShopSamples({ fromMs, requests: 40, seed: 3 });
    for (let i = 0; i < 20; i += 1) await sent(millrace, samples.request(i));
    const ballast = join(disk.path, 'ballast');
    await leave(ballast, LEFT_BYTES);
    const begin = ['reprocess', '--rules', rules, '--since', '41m', '--detach', '--json'];
    const refused = await playground.run(begin);
    expect(`${refused.code} ${refused.stderr}`).toMatch(
      /^1 [^]*REPROCESS_NO_ROOM[^]* in the store, [^]* in metrics\.series, [^]*Nothing was begun/,
    );
    expect(await jobsOf(millrace)).toEqual([]);
    const begun = await playground.run([...begin, '--force']);
    expect(begun.code, begun.stderr).toBe(0);
    const { number } = JSON.parse(begun.stdout) as { number: number };
    await until('jobs rest', SOON_MS_MAX, async () => {
      const jobs = await jobsOf(millrace);
      return jobs.length > 0 && jobs.every(({ reason }) => reason?.code === 'JOB_DISK_FULL');
    });
    for (let i = 20; i < 40; i += 1) await sent(millrace, samples.request(i));
    const status = await playground.run(['reprocess', 'status']);
    expect(status.stdout).toMatch(/JOB_DISK_FULL: The disk of .* are kept for what arrives/);
    await rm(ballast);
    const followed = await playground.run(['reprocess', 'status', String(number), '--follow']);
    expect(followed.code, followed.stderr).toBe(0);
  });

  /** Takes up all but so much. */
  async function leave(path: string, bytes: number): Promise<void> {
    const file = await open(path, 'w');
    try {
      const block = Buffer.alloc(BLOCK_BYTES, 1);
      const free = async (): Promise<number> => {
        const { bavail, bsize } = await statfs(disk.path);
        return bavail * bsize;
      };
      while ((await free()) > bytes + BLOCK_BYTES) await file.write(block);
    } finally {
      await file.close();
    }
  }
});

async function sent({ info }: RunningMillrace, request: readonly unknown[]): Promise<void> {
  expect((await push(info.url, request, { wait: 'stored' })).status).toBe(200);
}

async function jobsOf({ info }: RunningMillrace): Promise<NonNullable<StageStatus['jobs']>> {
  const answer = await fetch(`${info.url}/api/v1/status`);
  const { stages } = (await answer.json()) as { stages: StageStatus[] };
  return stages.find(({ stage }) => stage === 'transformer')?.jobs ?? [];
}
