import { readdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { countOrders, order, STORED_MS_MAX, untilOrders } from './orders.ts';
import { isAlive, Playground, push, until } from './running-millrace.ts';

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

/** It is asked every two seconds, and may take three for an answer. */
const SILENT_MS_MAX = 9000;
/** Several starts, on a machine that may be busy with other suites. */
const TEST_MS_MAX = 120_000;

describe('one process', { timeout: TEST_MS_MAX }, () => {
  test('one JSON event becomes one row; it stops cleanly and goes on', async () => {
    const first = await playground.up();
    const { url } = first.info;
    const answer = await push(url, order(1), { wait: 'stored' });
    expect(answer).toMatchObject({ status: 200, accepted: 1, stored: true });
    expect(await countOrders(playground)).toBe(1);
    await untilOwnMetrics();
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    await vi.waitFor(() => expect(first.stdout()).toContain(`curl ${url}/v1/events`), 10_000);
    expect(await playground.readRun()).toBeUndefined();
    expect(await playground.postgresPid()).toBeUndefined();
    expect((await readdir(playground.dataDir)).filter((name) => name.startsWith('lock'))).toEqual(
      [],
    );

    const second = await playground.up();
    // The same event again: what was known before the stop is known after it.
    await push(second.info.url, order(1), { wait: 'stored' });
    await push(second.info.url, order(2), { wait: 'stored' });
    expect(await countOrders(playground)).toBe(2);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  test('after kill -9 nothing acknowledged is missing and nothing counts twice', async () => {
    const first = await playground.up();
    const acknowledged = await pushUntilKilled(first.info.url, () => first.child.kill('SIGKILL'));
    expect(await first.ended).toBeNull();
    const leftBehind = await playground.postgresPid();
    expect(leftBehind).toBeDefined();
    const status = await playground.run(['status']);
    expect(status).toMatchObject({ code: 1, stderr: expect.stringContaining('NOT_RUNNING') });

    const second = await playground.up();
    expect(isAlive(leftBehind!)).toBe(false);
    await untilOrders(playground, acknowledged.length);
    // What was under way when it was killed may be in the log or not: sent again, it counts once.
    const total = acknowledged.length + 8;
    for (let i = 0; i < total; i += 1) await push(second.info.url, order(i));
    await push(second.info.url, order(total), { wait: 'stored' });
    await untilOrders(playground, total + 1);
    expect(await countOrders(playground)).toBe(total + 1);
    const ledger = await playground.sql<{ open: string }>(
      `SELECT sum(accepted - stored - duplicate - conflict - dropped - unverified - dead_letter)
         AS open FROM ledger`,
    );
    expect(Number(ledger[0]!.open)).toBe(0);
  });

  test('PostgreSQL alone is killed: data is taken all the same and stored in the end', async () => {
    const { info, child } = await playground.up();
    await push(info.url, order(1), { wait: 'stored' });
    const pid = await playground.postgresPid();
    process.kill(pid!, 'SIGKILL');
    expect(await push(info.url, order(2))).toMatchObject({ status: 200, accepted: 1 });
    await until('another PostgreSQL runs', 30_000, async () => {
      const now = await playground.postgresPid();
      return now !== undefined && now !== pid;
    });
    await push(info.url, order(3), { wait: 'stored' });
    await until('it answers again', STORED_MS_MAX, async () => {
      const { code } = await playground.run(['sql', 'SELECT 1']);
      return code === 0;
    });
    await untilOrders(playground, 3);
    expect(await countOrders(playground)).toBe(3);
    expect(child.exitCode).toBeNull();
  });

  test('looking: status, lag, readiness, metrics', async () => {
    const { info } = await playground.up();
    await push(info.url, order(1), { wait: 'stored' });
    const status = await playground.run(['status', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({
      pid: info.pid,
      url: info.url,
      stages: [{ stage: 'receiver' }, { stage: 'transformer' }, { stage: 'writer' }],
      store: { kind: 'embedded', isRunning: true },
    });
    const lag = await playground.run(['lag', '--json']);
    expect(JSON.parse(lag.stdout)).toHaveLength(8);
    const readyz = await (await fetch(`${info.url}/readyz`)).json();
    expect(readyz).toMatchObject({ ready: true });
    const metrics = await (await fetch(`${info.url}/metrics`)).text();
    for (const stage of ['process', 'receiver', 'transformer', 'writer']) {
      expect(metrics).toContain(`\nmillrace_${stage}_heap_bytes `);
    }
    // Nothing is lost here; the store says so all the same, as if something were.
    const acknowledge = ['ledger', 'acknowledge', '--json', '--note', 'a disk'];
    const none = await playground.run(acknowledge);
    expect(JSON.parse(none.stdout)).toEqual({ losses: [], note: 'a disk' });
    const change = 'UPDATE ledger_totals SET lost = 5 WHERE partition = 2';
    expect((await playground.run(['sql', '--write', change])).code).toBe(0);
    const known = await playground.run(acknowledge);
    expect(known.code, known.stderr).toBe(0);
    const logId = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(JSON.parse(known.stdout).losses).toEqual([{ partition: 2, logId, samples: 5 }]);
    const said = await playground.run(['ledger', 'acknowledge']);
    expect(said.stdout).toBe('Acknowledged: 5 samples that partition 2 has lost.\n');
    const table = await playground.run(['sql', 'SELECT 1 AS one']);
    expect(table).toMatchObject({ code: 0, stdout: 'one\n  1\n', stderr: '1 row\n' });
    const refused = await playground.run(['sql', 'CREATE TABLE t ()']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--write') });
    expect((await playground.run(['sql', '--write', 'CREATE TABLE t ()'])).code).toBe(0);
  });

  test('a PostgreSQL that stands still is told within seconds, by status as well', async () => {
    const { info, child, ended } = await playground.up();
    const look = async () => {
      const answer = await fetch(`${info.url}/readyz`);
      const { dependencies } = (await answer.json()) as {
        dependencies: { name: string; state: string; detail?: string }[];
      };
      return { code: answer.status, store: dependencies.find(({ name }) => name === 'store')! };
    };
    await until('the store is ok', STORED_MS_MAX, async () => (await look()).store.state === 'ok');
    const pids = await postgresPids();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await until('it is told', SILENT_MS_MAX, async () => {
        return (await look()).store.state === 'degraded';
      });
      // Data is taken all the same.
      const { code, store } = await look();
      expect(code).toBe(200);
      expect(store.detail).toMatch(/^It has not answered for \d+ s\. /);
      const { code: exit, stdout } = await playground.run(['status']);
      expect(exit).toBe(0);
      expect(stdout).toMatch(/: not ready\n[^]*running, does not answer: It has not answered for/);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    await until('it is ok again', STORED_MS_MAX, async () => (await look()).store.state === 'ok');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('what is refused', { timeout: TEST_MS_MAX }, () => {
  test('a second process on one data directory, with the pid of the first', async () => {
    const first = await playground.up();
    const second = await playground.run(['up']);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('DATA_DIR_IN_USE');
    expect(second.stderr).toContain(`process ${first.info.pid}`);
    expect(await push(first.info.url, order(1))).toMatchObject({ status: 200 });
    const setup = await playground.run(['setup', '--accept-new-log']);
    expect(setup).toMatchObject({ code: 1, stderr: expect.stringContaining('DATA_DIR_IN_USE') });
  });

  test('a busy port that was asked for; the usual one gives way to the next', async () => {
    const { server, port } = await occupy(0);
    try {
      const busy = await playground.run(['up'], { PORT: String(port) });
      expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining('PORT_BUSY') });
      expect(busy.stderr).toContain(String(port));
      const flag = await playground.run(['up', '--port', String(port)], { PORT: '0' });
      expect(flag).toMatchObject({ code: 1, stderr: expect.stringContaining('PORT_BUSY') });
    } finally {
      await close(server);
    }
    // Something may listen on the usual one anyway; what matters is that it is taken.
    const usual = await occupy(9480).catch(() => undefined);
    try {
      const { info, stdout } = await playground.up({ env: { PORT: '' } });
      expect(info.port).toBeGreaterThan(9480);
      expect(info.port).toBeLessThan(9580);
      // The welcome follows run.json by a moment.
      await vi.waitFor(() => expect(stdout()).toContain(`127.0.0.1:${info.port}`), 10_000);
    } finally {
      if (usual !== undefined) await close(usual.server);
    }
  });

  test('a rule file that is wrong, with line and column', async () => {
    await writeFile(
      join(playground.path, 'millrace.yaml'),
      'rules:\n  - name: a\n    witdhs: [1m]\n',
    );
    const up = await playground.run(['up']);
    expect(up.code).toBe(78);
    expect(up.stderr).toMatch(/millrace\.yaml:3:5: RULES_UNKNOWN_KEY/);
    await expect(stat(playground.dataDir)).rejects.toThrow('ENOENT');
    const validate = await playground.run(['config', 'validate']);
    expect(validate.code).toBe(78);
    expect(validate.stderr).toMatch(/millrace\.yaml:3:5: RULES_UNKNOWN_KEY/);
    const json = await playground.run(['config', 'validate', '--json']);
    const { problems } = JSON.parse(json.stdout) as { problems: object[] };
    expect(problems).toContainEqual(
      expect.objectContaining({ line: 3, column: 5, code: 'RULES_UNKNOWN_KEY' }),
    );
  });

  test('settings that are wrong, and command lines', async () => {
    const unknown = await playground.run(['up'], { MILLRACE_PROT: '1' });
    expect(unknown).toMatchObject({ code: 78, stderr: expect.stringContaining('SETTING_UNKNOWN') });
    const host = await playground.run(['up', '--host', '0.0.0.0']);
    expect(host).toMatchObject({ code: 78, stderr: expect.stringContaining('--insecure') });
    expect((await playground.run(['pu'])).code).toBe(2);
    expect((await playground.run(['up', '--prot', '1'])).code).toBe(2);
    expect(await playground.run(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });
});

/** The server and all of its processes, as they are now. */
async function postgresPids(): Promise<number[]> {
  const server = (await playground.postgresPid())!;
  const rows = await playground.sql<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  );
  return [server, ...rows.map(({ pid }) => pid)];
}

async function untilOwnMetrics(): Promise<void> {
  await until('our own metrics of every stage are stored', STORED_MS_MAX, async () => {
    const rows = await playground.sql<{ stage: string }>(
      `SELECT DISTINCT labels->>'stage' AS stage FROM samples JOIN series USING (series_id)
        WHERE metric LIKE 'millrace\\_%' ORDER BY 1`,
    );
    return rows.map(({ stage }) => stage).join() === 'process,receiver,transformer,writer';
  });
}

/** Sends orders 0, 1, … by four senders; returns the acknowledged ones when it was killed. */
async function pushUntilKilled(url: string, kill: () => void): Promise<number[]> {
  const acknowledged: number[] = [];
  let next = 0;
  const send = async (): Promise<void> => {
    for (;;) {
      const mine = next;
      next += 1;
      const answer = await push(url, order(mine)).catch(() => undefined);
      if (answer?.status !== 200) return;
      acknowledged.push(mine);
      if (acknowledged.length === 200) kill();
    }
  };
  await Promise.all(Array.from({ length: 4 }, send));
  return acknowledged;
}

async function occupy(port: number): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
