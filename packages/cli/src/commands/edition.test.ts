import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RulesAnswer, ShownRule } from '@millrace/receiver';
import { silentLog } from '@millrace/runtime';
import type { EditionStore } from '@millrace/store';
import { createPostgresEditionStore } from '@millrace/store/postgres';
import { startTestPostgres, type TestPostgres } from '@millrace/store/testing';
import { TOPIC_CONTROL } from '@millrace/stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dropRules } from '../editions/drop-rules.ts';
import type { RuleSet } from '../editions/rule-sets.ts';
import { openStoredEditions, type StoredEditions } from '../testing/stored-editions.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;
const NOW_US = Math.floor(Date.now() / 60_000) * MINUTE_US;
const SINCE_US = NOW_US - 2 * HOUR_US;
const A = 'rules: [{name: a, match: m, widths: [1m], aggregates: [sum]}]';
const B = 'rules: [{name: a, match: m, widths: [1m], aggregates: [sum, max]}]';

let postgres: TestPostgres;
let directory: string;
let stored: StoredEditions;
let store: EditionStore;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-edition-'));
  stored = await openStoredEditions(postgres);
  store = createPostgresEditionStore({ connection: stored.connection, log: silentLog });
});
afterEach(async () => {
  await store.close();
  await stored.close();
  await rm(directory, { recursive: true });
});

async function fileOf(text: string): Promise<string> {
  const file = join(directory, 'rules.yaml');
  await writeFile(file, text);
  return file;
}

async function run(...args: string[]): Promise<string> {
  const { code, out, err } = await stored.run(...args);
  expect({ code, err: args[0] === 'reprocess' ? '' : err }).toEqual({ code: 0, err: '' });
  return out;
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(await run(...args, '--json')) as T;
}

async function refused(...args: string[]): Promise<string> {
  const before = await stored.served.stream.bounds(TOPIC_CONTROL, 0);
  const { code, out, err } = await stored.run(...args);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(await stored.served.stream.bounds(TOPIC_CONTROL, 0)).toEqual(before);
  return err;
}

/** A in force, and B as a candidate whose jobs fold two hours; `ended`: they have. */
async function begin({ ended = true } = {}): Promise<{ number: number; rules: ShownRule[] }> {
  await run('rules', 'apply', await fileOf(A));
  await stored.begin((await stored.ask()).inForce.rules);
  const since = new Date(SINCE_US / 1000).toISOString();
  const file = await fileOf(B);
  const begun = await json<{ number: number; since: string }>(
    ...['reprocess', '--rules', file, '--since', since, '--detach', '--force'],
  );
  expect(begun.since).toBe(since);
  const { rules, number } = (await stored.ask()).candidates[0]!;
  expect(number).toBe(begun.number);
  await stored.begin(rules, number);
  if (ended) await stored.endJobs(number, rules, SINCE_US);
  await stored.watermark(NOW_US);
  return { number, rules };
}

const sets = async (): Promise<RuleSet[]> => await json<RuleSet[]>('edition', 'list');
const ruleA = (rules: readonly ShownRule[]): ShownRule => rules.find(({ name }) => name === 'a')!;

/** What is shown of rule a from now on. */
async function shownEdition(): Promise<number | undefined> {
  const { editions } = await store.list();
  return editions.find(({ rule, served }) => {
    return rule === 'a' && served.some(({ untilUs }) => untilUs === Infinity);
  })?.edition;
}

describe('reprocess', () => {
  test('begins, tells how far it is, rests and goes on', async () => {
    const { number, rules } = await begin({ ended: false });
    expect(await json('reprocess', 'status')).toMatchObject({
      ...{ number, state: 'candidate', unfinished: null },
      jobs: { ended: 0, partitions: 2, share: 0, paused: false, samplesPerSecond: null },
    });
    expect(await run('reprocess', 'pause')).toMatch(`${number} rests`);
    expect(await run('reprocess', 'status', String(number))).toMatch(/0 of 2 partitions, paused/);
    expect(await json('reprocess', 'resume')).toMatchObject({ number, paused: false });
    await stored.endJobs(number, rules, SINCE_US);
    const { code, out, err } = await stored.run('reprocess', 'status', '--follow');
    expect(code).toBe(0);
    expect(out).toMatch(/, folded whole$/m);
    expect(err).toMatch(/^100 %, 2 of 2 partitions, /m);
  });

  test('waits until it is through, at the rate that was said', async () => {
    await run('rules', 'apply', await fileOf(A));
    await stored.begin((await stored.ask()).inForce.rules);
    const how = ['--since', '2h', '--rate', '10k', '--force'];
    const args = ['reprocess', '--rules', await fileOf(B), ...how];
    const waiting = stored.run(...args);
    await expect.poll(async () => (await stored.ask()).candidates.length).toBe(1);
    await expect
      .poll(async () => (await stored.ask()).candidates[0]?.jobs.samplesPerSecond)
      .toBe(5000);
    const { number, rules } = (await stored.ask()).candidates[0]!;
    await stored.begin(rules, number);
    await stored.endJobs(number, rules, SINCE_US);
    const { code, out, err } = await waiting;
    expect(code).toBe(0);
    expect(err).toMatch(
      new RegExp(`^${number}: rollup, a, folded beside the rules in force, and since `),
    );
    expect(out).toMatch(`History is folded under ${number}. Compare with`);
  });

  test('tells the number of what it began, whatever becomes of waiting for it', async () => {
    await run('rules', 'apply', await fileOf(A));
    await stored.begin((await stored.ask()).inForce.rules);
    const args = ['reprocess', '--rules', await fileOf(B), '--since', '2h', '--force', '--json'];
    const waiting = stored.run(...args);
    await expect.poll(async () => (await stored.ask()).candidates.length).toBe(1);
    const { number, rules, since } = (await stored.ask()).candidates[0]!;
    await stored.begin(rules, number);
    expect((await stored.run('edition', 'drop', String(number), '--yes')).code).toBe(0);
    const { code, out } = await waiting;
    expect(code).toBe(1);
    const told = { ok: false, code: 'REPROCESS_GONE', number, since };
    expect(JSON.parse(out)).toMatchObject(told);
  });

  test('tells what is wrong, and begins nothing', async () => {
    const wrong = await stored.run(
      ...['reprocess', '--rules', await fileOf(A.replace('sum', 'smu')), '--since', '2h'],
    );
    expect(wrong).toMatchObject({ code: 78, out: '' });
    expect(wrong.err).toMatch(/rules\.yaml:1:\d+: RULES_UNKNOWN_AGGREGATE/);
    const file = await fileOf(A);
    const soon = new Date(Date.now() + HOUR_US / 1000).toISOString();
    const future = await stored.run('reprocess', '--rules', file, '--since', soon);
    expect(future).toMatchObject({ code: 2, err: expect.stringContaining('in the future') });
    for (const args of [
      ['--rules', file],
      ['--since', '2h'],
      ['--since', 'soon'],
      ['pause', 'x'],
      ['pause', '--rate', '5'],
    ]) {
      expect((await stored.run('reprocess', ...args)).code).toBe(2);
    }
    expect(await refused('reprocess', 'pause')).toMatch(/^CANDIDATE_NOT_CHOSEN: No history/);
    expect(await refused('edition', 'show', '7')).toMatch(/^CANDIDATE_UNKNOWN: .*there is none/);
    expect((await stored.ask()).candidates).toEqual([]);
  });
});

describe('edition', () => {
  test('is compared with what is in force', async () => {
    const { number, rules } = await begin();
    const inForce = ruleA((await stored.ask()).inForce.rules);
    for (const [startUs, before, after] of [
      [NOW_US - 60 * MINUTE_US, 1, 1],
      [NOW_US - 30 * MINUTE_US, 2, 3],
    ] as const) {
      await stored.window(inForce, startUs, before);
      await stored.window(ruleA(rules), startUs, after);
    }
    await stored.window(ruleA(rules), NOW_US - 10 * MINUTE_US, 4);
    const diff = await json('edition', 'diff', String(number));
    expect(diff).toMatchObject({
      ...{ number, since: new Date(SINCE_US / 1000).toISOString().replace('.000', '') },
      rules: expect.arrayContaining([
        expect.objectContaining({
          ...{ rule: 'a', before: inForce.edition, after: ruleA(rules).edition },
          windows: { equal: 1, changed: 1, added: 1, removed: 0 },
          series: { equal: 0, changed: 1, added: 0, removed: 0 },
        }),
      ]),
      ...{ added: [], removed: [] },
    });
    const text = await run('edition', 'diff', String(number), '--rule', 'a', '--since', '2h');
    expect(text).toMatch(/^a +windows +1 +1 +1 +0 +2 → 3 rows/m);
    expect(text).toMatch(/^\S+Z \+1m +m\{i="a"\} +sum +2 +3 +33\.3 %$/m);
    expect(text).not.toContain('rollup');
    expect(await refused('edition', 'diff', String(number), '--rule', 'z')).toMatch('DIFF_RULE');
  });

  test('is promoted once its past is whole, and rolled back', async () => {
    const { number, rules } = await begin({ ended: false });
    const before = await shownEdition();
    expect(await refused('edition', 'promote', String(number))).toMatch(/^JOBS_NOT_ENDED: /);
    const [newest, applied] = (await json<RulesAnswer>('rules', 'show')).versions;
    expect(newest?.version).toBe(number);
    const early = await refused('edition', 'rollback');
    expect(early).toMatch(
      `NOTHING_PROMOTED: The rules in force since version ${applied?.version} are shown`,
    );
    expect(early).toMatch(`${number} is a candidate, and is not shown.`);
    expect(early).toMatch('given up by "millrace edition drop NUMBER"');
    await stored.endJobs(number, rules, SINCE_US);
    const planned = await run('edition', 'promote', String(number), '--plan');
    expect(planned).toMatch(/^a +\d+ +20\S+Z$/m);
    expect(planned).toMatch(/Nothing was changed\.$/m);
    expect((await stored.ask()).inForce.candidate).toBeNull();
    const long = new Date((SINCE_US - HOUR_US) / 1000).toISOString();
    expect(await refused('edition', 'promote', String(number), '--since', long)).toMatch(
      /^EDITION_NOT_COVERED: /,
    );
    const promoted = await run('edition', 'promote', String(number));
    expect(promoted).toMatch(`${number} is in force as version`);
    expect(await shownEdition()).toBe(ruleA(rules).edition);
    expect(await run('edition', 'promote', String(number))).toMatch('Nothing was left to do');
    const again = await stored.run('edition', 'promote', String(number), '--since', '1h', '--json');
    expect(again).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^--since was passed over: /),
    });
    const kept = (await stored.ask()).candidates[0]!.number;
    expect(await sets()).toMatchObject([
      { number, state: 'in force', unfinished: null },
      { number: kept, state: 'candidate', since: null, jobs: null, unfinished: null },
    ]);
    expect(await refused('edition', 'drop', String(number), '--yes')).toMatch('CANDIDATE_IN_FORCE');
    const back = await run('edition', 'rollback');
    expect(back).toMatch('What was shown before the promotion is shown again.');
    expect(await shownEdition()).toBe(before);
    expect((await stored.ask()).candidates).toMatchObject([{ number }]);
    expect(await refused('edition', 'rollback')).toMatch(/^NOTHING_PROMOTED: /);
    await run('edition', 'promote', String(number));
    expect(await shownEdition()).toBe(ruleA(rules).edition);
  });

  test('is promoted early, which ends folding its past, and told from when on later', async () => {
    const { number } = await begin({ ended: false });
    const since = new Date((NOW_US + HOUR_US) / 1000).toISOString();
    const early = ['edition', 'promote', String(number), '--since', since];
    const line = 'Its past is not folded to its end, and folding it ends with the promotion.';
    expect(await run(...early, '--plan')).toMatch(line);
    expect(await json(...early, '--plan')).toMatchObject({ endsFolding: true });
    expect(await run(...early)).toMatch(line);
    await run('edition', 'rollback');
    const told = await refused('edition', 'promote', String(number));
    expect(told).toMatch(/^JOBS_CLOSED: /);
    const [, soonest = ''] = /--since (\S+Z)"/.exec(told) ?? [];
    expect(await run('edition', 'promote', String(number), '--since', soonest)).not.toMatch(line);
  });

  test('is dropped when somebody says so', async () => {
    const { number, rules } = await begin();
    await stored.window(ruleA(rules), NOW_US - 60 * MINUTE_US, 1);
    expect(await refused('edition', 'drop', String(number))).toMatch(/^CONFIRMATION_NEEDED: /);
    const shown = await run('edition', 'show', String(number));
    expect(shown).toMatch(/^a +\d+ +no +1m 20\S+Z +1 +1 +/m);
    const { code, out } = await stored.run('edition', 'drop', String(number), '--yes', '--json');
    expect({ code, rows: (JSON.parse(out) as { rows: number }).rows }).toEqual({
      code: 0,
      rows: 1,
    });
    expect((await stored.ask()).candidates).toEqual([]);
    expect(await refused('edition', 'drop', String(number), '--yes')).toMatch('CANDIDATE_UNKNOWN');
  });
});

describe('what died between log and store', () => {
  const post = async (path: string) => {
    const headers = { 'content-type': 'application/json' };
    const url = `${stored.served.url}/api/v1/candidates/${path}`;
    const body = path.endsWith('/promote') ? '{"rehearsed": true}' : '{}';
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200);
  };

  test('a promotion: is told, and completed or taken back', async () => {
    const { number, rules } = await begin();
    const before = await shownEdition();
    await post(`${number}/promote`);
    expect(await shownEdition()).toBe(before);
    const list = await run('edition', 'list');
    expect(list).toMatch(`${number}: in force, and not shown: complete it with "millrace edition`);
    await run('edition', 'rollback');
    expect((await stored.ask()).inForce.source).toBe(A);
    expect(await sets()).toMatchObject([{ unfinished: null }, { number, unfinished: null }]);
    await post(`${number}/promote`);
    expect(await run('edition', 'promote', String(number))).toMatch(`${number} is in force`);
    expect(await shownEdition()).toBe(ruleA(rules).edition);
  });

  test('a promotion of what had been promoted before: is completed, or taken back', async () => {
    const { number, rules } = await begin();
    await run('edition', 'promote', String(number));
    const other = (await stored.ask()).candidates[0]!;
    await run('edition', 'promote', String(other.number));
    expect(await shownEdition()).toBe(ruleA(other.rules).edition);
    await post(`${number}/promote`);
    expect((await sets())[0]?.unfinished).toMatch(`edition promote ${number}`);
    const back = await run('edition', 'rollback');
    expect(back).toMatch('The store had been rolled back before');
    expect((await sets())[0]).toMatchObject({ number: other.number, unfinished: null });
    expect(await shownEdition()).toBe(ruleA(other.rules).edition);
    await post(`${number}/promote`);
    expect(await run('edition', 'promote', String(number))).toMatch(`${number} is in force`);
    expect(await shownEdition()).toBe(ruleA(rules).edition);
    expect(await run('edition', 'promote', String(number))).toMatch('Nothing was left to do');
    // The log stays behind, and the one that came first is not what is shown.
    await store.rollBack({ version: (await store.list()).promotions.at(-1)!.version });
    expect(await run('edition', 'rollback')).toMatch('The store had been rolled back before');
    expect((await sets())[0]).toMatchObject({ number: other.number, unfinished: null });
    // And back once more, to what was before the first one of all.
    await run('edition', 'rollback');
    expect((await sets())[0]).toMatchObject({ number, unfinished: null });
    expect(await shownEdition()).toBe(ruleA(rules).edition);
    await run('edition', 'rollback');
    expect((await sets())[0]).toMatchObject({ number: other.number, unfinished: null });
    expect(await shownEdition()).toBe(ruleA(other.rules).edition);
    expect(await refused('edition', 'rollback')).toMatch(/^NOTHING_PROMOTED: /);
  });

  test('going back: is told, and completed', async () => {
    const { number } = await begin();
    await run('edition', 'promote', String(number));
    const { version } = (await store.list()).promotions.at(-1)!;
    await store.rollBack({ version });
    expect((await sets())[0]?.unfinished).toMatch('edition rollback');
    expect(await run('edition', 'rollback')).toMatch('The store had been rolled back before');
    expect((await stored.ask()).inForce.source).toBe(A);
    expect((await sets())[0]?.unfinished).toBeNull();
  });

  test('dropping: is told, and completed', async () => {
    const { number } = await begin();
    const editions = { url: stored.served.url, store };
    const asked = { onFound: () => Promise.resolve(), onProgress: () => undefined };
    // Ctrl-C while rows are deleted.
    const signal = AbortSignal.abort();
    await expect(dropRules(editions, { number, signal, ...asked })).rejects.toMatchObject({
      ...{ code: 'DROP_INCOMPLETE', kind: 'aborted' },
      remedy: expect.stringContaining(`edition drop ${number}`),
    });
    expect((await sets())[1]?.unfinished).toMatch(`millrace edition drop ${number}`);
    await stored.run('edition', 'drop', String(number), '--yes');
    expect((await stored.ask()).candidates).toEqual([]);
  });
});
