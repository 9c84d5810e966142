import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

/*
 * Retention through the whole process: samples that are old when they come, windows of them in
 * several widths, and an upkeep every second.
 */

const DAY_MS = 86_400_000;
const UPKEEP = { MILLRACE_STORE__UPKEEP_MS: '1s' };
const SLOW_MS = 120_000;

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(() => playground.remove());

interface Retention {
  rows: { rule?: string; table: string; whose?: string; keepMs: number; cutUs: number | string }[];
  tables: { table: string; drops: { ranges: number } }[];
}

const FILE = `
rules:
  - name: finely
    match: requests
    widths: [1m, 1h]
    aggregates: [count, sum]
    keep: { 1m: 5d, 1h: 3y }
`;

async function applyRules(text: string): Promise<string> {
  await writeFile(join(playground.path, 'millrace.yaml'), text);
  const { code, stdout, stderr } = await playground.run(['rules', 'apply', 'millrace.yaml']);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

async function shown(): Promise<Retention> {
  const { code, stdout, stderr } = await playground.run(['retention', '--json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Retention;
}

/** How many days old raw samples are, and windows of each rule and width. */
async function ages(): Promise<Record<string, string>> {
  const rows = await playground.sql<{ what: string; days: string }>(
    `SELECT what, string_agg(DISTINCT days::text, ' ' ORDER BY days::text) AS days FROM (
       SELECT 'raw' AS what, lpad(round(extract(epoch FROM now() - time) / 86400)::text, 3) AS days
       FROM series_samples WHERE metric = 'requests'
       UNION ALL
       SELECT rule || ' ' || width,
         lpad(round(extract(epoch FROM now() - start) / 86400)::text, 3)
       FROM series_windows WHERE metric = 'requests'
     ) AS found GROUP BY what`,
  );
  return Object.fromEntries(rows.map(({ what, days }) => [what, days.replace(/ +/g, ' ').trim()]));
}

async function sendAged(running: RunningMillrace, ...days: number[]): Promise<void> {
  const nowMs = Date.now();
  const samples = days.map((age) => ({
    name: 'requests',
    labels: { route: '/' },
    value: age,
    time: new Date(nowMs - age * DAY_MS).toISOString(),
  }));
  const { status } = await push(running.info.url, samples, { wait: 'stored' });
  expect(status).toBe(200);
}

test(
  'rows go when their rule and tenant say so, and finer ones only behind wider ones',
  { timeout: SLOW_MS },
  async () => {
    const running = await playground.up({ env: UPKEEP });
    await applyRules(FILE);
    await sendAged(running, 60, 20, 8, 3, 1);
    const wait = (wanted: Record<string, string>) =>
      until(JSON.stringify(wanted), 60_000, async () => {
        const found = await ages();
        return Object.entries(wanted).every(([what, days]) => found[what] === days);
      });
    await wait({ raw: '1 3', 'rollup 00:05:00': '1 3 8 20', 'rollup 01:00:00': '1 3 8 20 60' });
    await wait({ 'finely 00:01:00': '1 3', 'finely 01:00:00': '1 3 8 20 60' });

    // Another time for rows is no other edition.
    const before = await playground.sql('SELECT edition FROM editions ORDER BY edition');
    const told = await applyRules(`${FILE.replace('3y', '10d')}
tenants:
  - { name: default, keep: { raw: 2d, narrow: 10d } }
`);
    expect(told).toContain('rows are kept for another time');
    await wait({ raw: '1', 'rollup 00:05:00': '1 3 8', 'rollup 01:00:00': '1 3 8 20 60' });
    await wait({ 'finely 00:01:00': '1 3', 'finely 01:00:00': '1 3 8' });
    expect(await playground.sql('SELECT edition FROM editions ORDER BY edition')).toEqual(before);
    const { rows } = await shown();
    const raw = rows.find(({ table, whose }) => table === 'samples' && whose === 'default');
    expect(raw?.keepMs).toBe(2 * DAY_MS);
    const { stdout } = await playground.run(['retention']);
    expect(await playground.run(['retention', '--rule', 'finly'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^RETENTION_RULE_UNKNOWN: .*\n→ Name one of .*finely/,
      ) as string,
    });
    expect(stdout).toMatch(/windows_wide +finely +1h +default +10d +\S+ +nothing: data ends there/);

    const audit = await playground.run(['audit', '--deep']);
    expect([audit.code, audit.stdout]).toEqual([
      0,
      expect.stringContaining('past their retention'),
    ]);
  },
);
