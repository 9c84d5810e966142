import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const STORED_MS_MAX = 20_000;
/** Several starts, on a machine that may be busy with other suites. */
const TEST_MS_MAX = 240_000;
/** What an older copy of a data directory brings back while the database stays. */
const COPIED = ['log', 'state'] as const;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

/**
 * Orders 1 to 3 are in the copy, 4 to 8 in the store alone, 11 to 20 in the log alone, where they
 * took the offsets of those. Both ways that are named lead on.
 */
test(
  'an older copy of the log is told, and a person goes on with it or with the store',
  async () => {
    await putOlderCopyBack();
    const ofLog = ['state', 'jobs', 'postgres', 'log/metrics.series', 'log/metrics.checkpoints'];
    for (const name of ofLog) await setAside(name);
    const first = await playground.up();
    const all = [1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    await untilOrders(all);
    // All of it is known again.
    for (const i of all) await push(first.info.url, order(i));
    await push(first.info.url, order(21), { wait: 'stored' });
    await untilOrders([...all, 21]);
    await expectBalance(first.info.url);
    await stopped(first);

    for (const name of ofLog) await putBack(name);
    for (const topic of ['events', 'series', 'checkpoints']) {
      await setAside(`log/metrics.${topic}`);
    }
    const done = await playground.run(['setup', '--accept-new-log']);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('log number 2') });
    const second = await playground.up();
    await push(second.info.url, order(1));
    await push(second.info.url, order(22), { wait: 'stored' });
    await untilOrders([1, 2, 3, 4, 5, 6, 7, 8, 22]);
    await expectBalance(second.info.url);
  },
  TEST_MS_MAX,
);

/**
 * Order 1 is in the copy, which is made as the process runs; 2 is in the store alone, and those
 * from 11 on take its offset before anybody looks.
 */
test(
  'a log that lost what the ledger did not count yet is told once it has grown again',
  async () => {
    const first = await playground.up();
    await push(first.info.url, order(1), { wait: 'stored' });
    await untilCounted();
    await cp(inData('log'), copyOf('log'), { recursive: true });
    await push(first.info.url, order(2), { wait: 'stored' });
    first.child.kill('SIGKILL');
    await first.ended;
    for (const name of COPIED) await setAside(name);
    await cp(copyOf('log'), inData('log'), { recursive: true });
    const second = await playground.up();
    for (let i = 11; i <= 20; i += 1) await push(second.info.url, order(i));
    await stopped(second);
    const told = await playground.run(['setup', '--accept-new-log', '--plan']);
    expect(told).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/is not the event [^]*lost its end/),
      stderr: expect.stringContaining('SETUP_LOST_END'),
    });
  },
  TEST_MS_MAX,
);

async function putOlderCopyBack(): Promise<void> {
  const first = await playground.up();
  for (let i = 1; i <= 3; i += 1) await push(first.info.url, order(i), { wait: 'stored' });
  await stopped(first);
  for (const name of COPIED) await cp(inData(name), copyOf(name), { recursive: true });
  const second = await playground.up();
  for (let i = 4; i <= 8; i += 1) await push(second.info.url, order(i), { wait: 'stored' });
  await stopped(second);
  for (const name of COPIED) {
    await setAside(name);
    await cp(copyOf(name), inData(name), { recursive: true });
  }
  const third = await playground.up();
  for (let i = 11; i <= 20; i += 1) {
    expect(await push(third.info.url, order(i))).toMatchObject({ status: 200, accepted: 1 });
  }
  await until('it is told, with what tells more', STORED_MS_MAX, async () => {
    const told = await (await fetch(`${third.info.url}/readyz`)).text();
    return told.includes('WRITER_AHEAD') && told.includes('setup --accept-new-log --plan');
  });
  await stopped(third);
  for (const more of [['--plan'], []]) {
    const told = await playground.run(['setup', '--accept-new-log', ...more]);
    expect(told).toMatchObject({ code: 1, stdout: expect.stringContaining('lost its end') });
    expect(told.stderr).toContain('SETUP_LOST_END');
  }
}

/** So that all of it has a time: that takes a second or two. */
async function untilCounted(): Promise<void> {
  const look = async () =>
    await playground.sql<{ partition: number; mark: number; position: number }>(
      `SELECT partition, mark_offset::float8 AS mark, position::float8 AS position
         FROM positions WHERE source = 'live'`,
    );
  const marks = new Map((await look()).map(({ partition, mark }) => [partition, mark]));
  await until('the ledger counts all of it', STORED_MS_MAX, async () =>
    (await look()).every(({ partition, position }) => position > (marks.get(partition) ?? 0)),
  );
}

function copyOf(name: string): string {
  return join(playground.path, 'copy', name);
}

function inData(name: string): string {
  return join(playground.dataDir, name);
}

async function setAside(name: string): Promise<void> {
  await rm(asideOf(name), { recursive: true, force: true });
  await mkdir(dirname(asideOf(name)), { recursive: true });
  if (existsSync(inData(name))) await rename(inData(name), asideOf(name));
}

/** In place of what has come there since. */
async function putBack(name: string): Promise<void> {
  await rm(inData(name), { recursive: true, force: true });
  if (existsSync(asideOf(name))) await rename(asideOf(name), inData(name));
}

function asideOf(name: string): string {
  return join(playground.path, 'aside', name);
}

function order(i: number): object {
  return { name: 'orders', kind: 'event', id: `order-${i}`, value: i, labels: { shop: 'a' } };
}

async function untilOrders(wanted: readonly number[]): Promise<void> {
  let found: number[] = [];
  await until(`orders ${wanted.join()} are stored`, STORED_MS_MAX, async () => {
    const rows = await playground.sql<{ i: number }>(
      `SELECT value::int AS i FROM samples JOIN series USING (series_id)
        WHERE metric = 'orders' ORDER BY 1`,
    );
    found = rows.map(({ i }) => i);
    return found.length >= wanted.length;
  });
  expect(found).toEqual(wanted);
}

async function expectBalance(url: string): Promise<void> {
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: true });
  const [ledger] = await playground.sql<{ open: string }>(
    `SELECT sum(accepted - stored - duplicate - conflict - dropped - unverified - dead_letter)
       AS open FROM ledger`,
  );
  expect(Number(ledger!.open)).toBe(0);
}

async function stopped({ child, ended, output }: RunningMillrace): Promise<void> {
  child.kill('SIGTERM');
  expect(await ended, output()).toBe(0);
}
