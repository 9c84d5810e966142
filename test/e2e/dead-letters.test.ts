import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { AuditReport } from '@millrace/audit';
import type { LedgerReport } from '@millrace/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from '../integration/running-millrace.ts';

const SETTLE_MS_MAX = 60_000;
/** Our own metrics come once, at the start. */
const QUIET = { env: { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' } };
const GAUGES = 12;
const EVENTS = 8;
const LETTERS = GAUGES + EVENTS;
const T0 = Date.UTC(2026, 0, 1);
/** As it lies in the store. */
const ONE_LEVEL = `value = 42 AND time = '2026-01-01T00:00:00Z'
  AND series_id IN (SELECT series_id FROM series WHERE metric = 'level')`;

let playground: Playground;
let millrace: RunningMillrace;
beforeEach(async () => {
  playground = await Playground.make();
  millrace = await playground.up(QUIET);
});
afterEach(async () => await playground.remove());

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await playground.run(args);
  expect({ args, code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** Of the test's own samples: nothing else is dropped, dead or sent again. */
async function ledger(): Promise<LedgerReport> {
  return JSON.parse(await run('ledger', '--json')) as LedgerReport;
}

/** Gauges at times of their own, and events of which two are equal in everything. */
async function pushRefused(): Promise<void> {
  const gauges = Array.from({ length: GAUGES }, (_, i) => {
    return { name: 'level', labels: { tank: String(i % 3) }, time: T0 + 1000 * i, value: 42 };
  });
  const events = Array.from({ length: EVENTS }, (_, i) => {
    const time = T0 + 1000 * (i >>> 1);
    return { name: 'orders', kind: 'event', labels: { shop: 'a' }, time, value: 42 };
  });
  await run('sql', '--write', 'ALTER TABLE samples_head ADD CONSTRAINT sane CHECK (value <> 42)');
  const answer = await push(millrace.info.url, [...gauges, ...events], {
    key: 'a',
    wait: 'stored',
  });
  expect(answer).toMatchObject({ accepted: LETTERS, stored: true });
  await until('the letters are counted', SETTLE_MS_MAX, async () => {
    return (await ledger()).totals.deadLetter === LETTERS;
  });
  await run('sql', '--write', 'ALTER TABLE samples_head DROP CONSTRAINT sane');
}

async function storedRows(): Promise<Record<string, number>> {
  const rows = await playground.sql<{ metric: string; rows: number }>(
    `SELECT metric, count(*)::int AS rows FROM series_samples
     WHERE metric IN ('level', 'orders') AND value = 42 GROUP BY metric`,
  );
  return Object.fromEntries(rows.map(({ metric, rows: count }) => [metric, count]));
}

/** A receiver that passes a few letters on and then goes silent. */
async function silentAfter(
  letters: number,
): Promise<{ server: Server; url: string; passed: () => number }> {
  let begun = 0;
  let passed = 0;
  const server = createServer((request, response) => {
    begun += 1;
    if (begun > letters) return;
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await fetch(`${millrace.info.url}${request.url}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': String(request.headers['idempotency-key']),
        },
        body: Buffer.concat(chunks),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(await answer.text());
      passed += 1;
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}`, passed: () => passed };
}

async function audits(): Promise<AuditReport[]> {
  const reports: AuditReport[] = [];
  for (const flags of [[], ['--deep']]) {
    const report = join(playground.path, 'audit');
    const { stdout } = await playground.run(['audit', '--json', '--report', report, ...flags]);
    reports.push(JSON.parse(stdout) as AuditReport);
  }
  return reports;
}

/** From the log and the store, both ways. */
async function expectProven(): Promise<AuditReport[]> {
  const reports = await audits();
  for (const { mode, findings, outcome } of reports) {
    expect({ mode, findings, outcome }).toEqual({ mode, findings: [], outcome: 'proven' });
  }
  return reports;
}

describe('dead letters', { timeout: 240_000 }, () => {
  test('of a redrive that is killed half-way and repeated are stored once', async () => {
    await pushRefused();
    const { totals: before } = await ledger();
    expect(before.deadLetterBy).toEqual({ store_refused: LETTERS });
    const silent = await silentAfter(7);
    const redrive = playground.start(['dead', 'redrive', '--all', '--url', silent.url]);
    await until('some letters are in the log', SETTLE_MS_MAX, async () => silent.passed() === 7);
    redrive.child.kill('SIGKILL');
    await redrive.ended;
    silent.server.closeAllConnections();
    silent.server.close();
    // Sent, and not marked.
    const letters = JSON.parse(await run('dead', 'list', '--json')) as { id: string }[];
    expect(letters).toHaveLength(LETTERS);
    expect(await run('dead', 'show', letters[0]!.id)).toMatch(
      /redriven +begun .* may be in the log/,
    );

    const again = await run('dead', 'redrive', '--all');
    expect(again).toMatch(`${LETTERS} of ${LETTERS} are in the log again, and marked.`);
    await until('all of them are stored', SETTLE_MS_MAX, async () => {
      const { level = 0, orders = 0 } = await storedRows();
      return level >= GAUGES && orders >= EVENTS;
    });
    await until('the ledger has them', SETTLE_MS_MAX, async () => {
      const { accepted, deadLetter } = (await ledger()).totals;
      return accepted === before.accepted + LETTERS + 7 && deadLetter === 0;
    });
    expect(await storedRows()).toEqual({ level: GAUGES, orders: EVENTS });
    const { addsUp, totals } = await ledger();
    expect(addsUp).toBe(true);
    expect(totals).toMatchObject({
      stored: before.stored + LETTERS,
      // Each came twice, and seven of them a third time.
      duplicate: before.duplicate + LETTERS + 7,
      unverified: before.unverified,
      deadLetterBy: {},
      lost: 0,
    });
    await expectProven();
    // Windows had them when they first came, and have them once.
    await until('the window has all of them', SETTLE_MS_MAX, async () => {
      const [window] = await playground.sql<{ count: number }>(
        `SELECT coalesce(sum(count), 0)::int AS count FROM series_windows
         WHERE metric = 'level' AND width = '1 hour'`,
      );
      expect(window!.count).toBeLessThanOrEqual(GAUGES);
      return window!.count === GAUGES;
    });
    // A letter that was sent again does not account for the row of its sample.
    await run('sql', '--write', `DELETE FROM samples_head WHERE ${ONE_LEVEL}`);
    for (const { findings } of await audits()) {
      expect(findings).toMatchObject([{ kind: 'row_missing', count: 1 }]);
    }
    expect(await run('dead', 'list', '--redriven')).toMatch('sample (redriven)');
    expect((await playground.run(['dead', 'list'])).stderr).toMatch('There are none.');
  });

  test('of another tenant are stored as its own', async () => {
    await run('sql', '--write', 'ALTER TABLE samples_head ADD CONSTRAINT sane CHECK (value <> 42)');
    const sent = await fetch(`${millrace.info.url}/api/v1/redrive?tenant=acme`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'test/1' },
      body: JSON.stringify({
        ...{ labels: { __name__: 'level', tank: '1' }, kind: 'gauge', timeUs: 1000 * T0 },
        value: '42',
      }),
    });
    expect(sent.status).toBe(200);
    const ofAcme = async (): Promise<LedgerReport['totals']> => {
      const answer = await fetch(`${millrace.info.url}/api/v1/ledger?tenant=acme`);
      return ((await answer.json()) as LedgerReport).totals;
    };
    await until('the letter is counted', SETTLE_MS_MAX, async () => {
      return (await ofAcme()).deadLetter === 1;
    });
    await run('sql', '--write', 'ALTER TABLE samples_head DROP CONSTRAINT sane');
    const again = await run('dead', 'redrive', '--tenant', 'acme');
    expect(again).toMatch('1 of 1 are in the log again, and marked.');
    await until('both arrivals are counted', SETTLE_MS_MAX, async () => {
      return (await ofAcme()).accepted === 2;
    });
    expect(await ofAcme()).toMatchObject({ stored: 1, duplicate: 1, deadLetter: 0 });
    const rows = await playground.sql<{ tenant: string; value: number }>(
      `SELECT tenant, value FROM series_samples WHERE metric = 'level'`,
    );
    expect(rows).toEqual([{ tenant: 'acme', value: 42 }]);
    await expectProven();
  });

  test('are chosen by what they are, thrown away, and told of when absent', async () => {
    await pushRefused();
    const list = await run('dead', 'list', '--reason', 'store_refused', '--limit', '3');
    expect(list.split('\n').filter((line) => line.includes('store_refused'))).toHaveLength(3);
    const none = await playground.run(['dead', 'list', '--until', '1h']);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'There are none.\n' });
    const unknown = await playground.run(['dead', 'show', '999999']);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch('DEAD_LETTER_UNKNOWN');
    const unchosen = await playground.run(['dead', 'drop']);
    expect(unchosen.stderr).toMatch('DEAD_LETTERS_NOT_CHOSEN');
    const unasked = await playground.run(['dead', 'drop', '--all']);
    expect(unasked).toMatchObject({ code: 1 });
    expect(unasked.stderr).toMatch(/CONFIRMATION_NEEDED: 20 dead letters[^]*--yes/);
    expect((await playground.run(['dead', 'drop', 'x', '--yes'])).code).toBe(2);

    const away = await playground.run(['dead', 'redrive', '--all', '--url', 'http://127.0.0.1:1']);
    expect(away.code).toBe(1);
    expect(away.stdout).toMatch(/^0 of 20 are in the log again[^]*not sent: RECEIVER_UNANSWERED/);
    expect(away.stderr).toMatch('DEAD_LETTERS_LEFT');
    const cluster = { KAFKA_BROKERS: '127.0.0.1:1', MILLRACE_DATA_DIR: '' };
    const nobody = { ...cluster, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    const storeAway = await playground.run(['dead', 'list'], nobody);
    expect(storeAway).toMatchObject({ code: 1, stdout: '' });
    expect(storeAway.stderr).toMatch('STORE_UNREACHABLE');
    expect((await playground.run(['ledger'], cluster)).stderr).toMatch('CONFIG_STORE_URL');

    expect(await run('dead', 'drop', '--reason', 'other', '--yes')).toMatch('Nothing matches');
    const dropped = await run('dead', 'drop', '--reason', 'store_refused', '--yes');
    expect(dropped).toMatch('20 deleted; their samples count as dropped by hand.');
    const { addsUp, totals } = await ledger();
    expect({ addsUp, by: totals.droppedBy, dead: totals.deadLetter }).toEqual({
      addsUp: true,
      by: { '(by hand)': LETTERS },
      dead: 0,
    });
    const answer = await fetch(`${millrace.info.url}/api/v1/ledger?tenant=default`);
    expect(await answer.json()).toMatchObject({ addsUp: true, totals: { dropped: LETTERS } });
    const text = await run('ledger');
    expect(text).toMatch(/dropped by: \(by hand\) 20\n[^]*It adds up/);
    for (const { notProven } of await expectProven()) {
      expect(notProven.join()).toMatch(`${LETTERS} rows are missing, as many dead letters were`);
    }
  });
});
