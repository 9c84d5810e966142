import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countOrders, order, STORED_MS_MAX, untilOrders } from './orders.ts';
import { Playground, push, until } from './running-millrace.ts';

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

/** Several starts, on a machine that may be busy with other suites. */
const TEST_MS_MAX = 120_000;

describe('rules that change', { timeout: TEST_MS_MAX }, () => {
  test('a changed file is in force from the next start on; without one all stays', async () => {
    const file = join(playground.path, 'millrace.yaml');
    const rules = (width: string): string =>
      `rules:\n  - {name: per_shop, match: orders, by: [shop], widths: [${width}], aggregates: [count]}\n`;
    const served = async () =>
      await playground.sql<{ width: string; until: boolean }>(
        `SELECT widths[1]::text AS width, upper_inf(range) AS until
         FROM served JOIN editions USING (edition, rule) WHERE rule = 'per_shop' ORDER BY edition`,
      );
    await writeFile(file, rules('1s'));
    const first = await playground.up();
    await push(first.info.url, order(1), { wait: 'stored' });
    expect(await served()).toEqual([{ width: '00:00:01', until: true }]);
    await stopped(first);

    await writeFile(file, rules('2s'));
    const second = await playground.up();
    expect(second.stderr()).toContain('The rules of the file are in force from here on.');
    const now = [
      { width: '00:00:01', until: false },
      { width: '00:00:02', until: true },
    ];
    await until('the new edition is served', STORED_MS_MAX, async () => {
      return (await served()).length === now.length;
    });
    expect(await served()).toEqual(now);
    await push(second.info.url, order(2), { wait: 'stored' });
    // Which edition shows an order depends on its time; each order is shown by one of them.
    await until('both orders are counted', STORED_MS_MAX, async () => {
      const [row] = await playground.sql<{ n: number | null }>(
        `SELECT sum(count)::int AS n FROM series_windows WHERE rule = 'per_shop'`,
      );
      return row?.n === 2;
    });
    await stopped(second);

    await rm(file);
    await stopped(await playground.up());
    expect(await playground.run(['status'])).toMatchObject({ code: 1 });
    const third = await playground.up();
    expect(await served()).toEqual(now);
    await stopped(third);
  });
});

describe('a log and a store that do not belong together', { timeout: TEST_MS_MAX }, () => {
  test('are told from one another, and go on when a person says so', async () => {
    const first = await playground.up();
    await push(first.info.url, order(1), { wait: 'stored' });
    await stopped(first);
    const before = join(playground.dataDir, 'log.before');
    await rename(join(playground.dataDir, 'log'), before);

    const second = await playground.up();
    await push(second.info.url, order(2));
    await until('it is told, with the remedy', STORED_MS_MAX, async () => {
      const told = second.stderr();
      return told.includes('OTHER_LOG') && told.includes('--accept-new-log');
    });
    const readyz = await (await fetch(`${second.info.url}/readyz`)).text();
    expect(readyz).toContain('OTHER_LOG');
    expect(await countOrders(playground)).toBe(1);
    await stopped(second);

    const plan = await playground.run(['setup', '--accept-new-log', '--plan']);
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('would go on') });
    const done = await playground.run(['setup', '--accept-new-log']);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('log number 2') });
    const again = await playground.run(['setup', '--accept-new-log']);
    expect(again.stdout).not.toContain('goes on');

    const third = await playground.up();
    await untilOrders(playground, 2);
    // The state was kept: what the old log brought is still known.
    await push(third.info.url, order(1));
    await push(third.info.url, order(3), { wait: 'stored' });
    await untilOrders(playground, 3);
    expect(await countOrders(playground)).toBe(3);
    await stopped(third);

    // The first one is back: what came of it is stored, and the way on leads from the second.
    const newest = join(playground.dataDir, 'log.newest');
    await rename(join(playground.dataDir, 'log'), newest);
    await rename(before, join(playground.dataDir, 'log'));
    const back = await playground.run(['setup', '--accept-new-log']);
    expect(back).toMatchObject({ code: 1, stderr: expect.stringContaining('SETUP_LOG_BEFORE') });
    await rename(join(playground.dataDir, 'log'), before);
    await rename(newest, join(playground.dataDir, 'log'));
    const fourth = await playground.up();
    await push(fourth.info.url, order(4), { wait: 'stored' });
    expect(await countOrders(playground)).toBe(4);
  });

  test('also when the state is gone with the log, and the new log was folded already', async () => {
    const first = await playground.up();
    await push(first.info.url, order(1), { wait: 'stored' });
    await stopped(first);
    for (const name of ['log', 'state']) {
      await rm(join(playground.dataDir, name), { recursive: true });
    }
    const second = await playground.up();
    await push(second.info.url, order(2));
    await until('it is told', STORED_MS_MAX, async () => {
      return second.stderr().includes('STORE_OTHER_LOG');
    });
    await stopped(second);
    const done = await playground.run(['setup', '--accept-new-log']);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('log number 2') });
    const third = await playground.up();
    await untilOrders(playground, 2);
    await push(third.info.url, order(3), { wait: 'stored' });
    expect(await countOrders(playground)).toBe(3);
  });
});

async function stopped({
  child,
  ended,
  output,
}: Awaited<ReturnType<Playground['up']>>): Promise<void> {
  child.kill('SIGTERM');
  expect(await ended, output()).toBe(0);
}
