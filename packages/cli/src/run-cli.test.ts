import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from '@millrace/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCommands } from './load-commands.ts';
import { runCli } from './run-cli.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
});
afterEach(async () => await rm(directory, { recursive: true }));

type Outcome = Promise<{ code: number; out: string; err: string }>;

async function run(...args: string[]): Outcome {
  return await runIn({ MILLRACE_DATA_DIR: directory }, ...args);
}

async function runIn(environment: Record<string, string>, ...args: string[]): Outcome {
  let out = '';
  let err = '';
  const code = await runCli({
    args,
    environment,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

test('help and version are results', async () => {
  expect(await run('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\./) });
  expect(await run('version')).toMatchObject({ code: 0, err: '' });
  const help = await run('--help');
  expect(help.code).toBe(0);
  for (const command of ['up', 'sql', 'status', 'lag', 'config', 'setup']) {
    expect(help.out).toMatch(new RegExp(`^  ${command}`, 'm'));
  }
});

test('a command is loaded by its name, and all of them to be shown or guessed from', async () => {
  expect(await loadCommands('status')).toHaveLength(1);
  expect(await loadCommands('--version')).toEqual([]);
  const all = await loadCommands('--help');
  expect(all.length).toBeGreaterThan(20);
  expect(await loadCommands('stats')).toEqual(all);
  expect(await loadCommands('constructor')).toEqual(all);
  expect(await loadCommands(undefined)).toEqual(all);
  expect((await run('stats')).err).toMatch(/Did you mean status/);
});

test('a port that is none is told of the option, not of a variable', async () => {
  for (const args of [
    ['up', '--port', 'abc'],
    ['run', 'receiver', '--port', '70000'],
  ]) {
    const { code, err } = await run(...args);
    expect([code, err]).toEqual([2, expect.stringMatching(/'--port <port>'.*from 0 to 65535/)]);
  }
});

test('what was mistyped names the help of its own command', async () => {
  for (const [args, hint] of [
    [['statsu'], '(millrace --help shows all commands)'],
    [['statsu', '--json'], "unknown command 'statsu'\n(Did you mean status?)\n(millrace --help"],
    [['--port', '5', 'statsu'], "unknown command 'statsu'"],
    [['preview', 'x.yaml'], '(millrace preview --help shows how it is used)'],
    [['edition', 'promot', '5'], '(millrace edition --help shows its commands)'],
    [['edition', 'promote'], '(millrace edition promote --help shows how it is used)'],
  ] as const) {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toContain(hint);
  }
});

test('with --json what went wrong is JSON too, beside the text for people', async () => {
  const missing = await run('status', '--json');
  expect(missing.code).toBe(1);
  expect(missing.err).toMatch(/^NOT_RUNNING: /);
  expect(JSON.parse(missing.out)).toEqual({
    ...{ ok: false, code: 'NOT_RUNNING', kind: expect.any(String) as string },
    ...{ message: expect.any(String) as string, remedy: expect.any(String) as string },
  });
  const usage = await run('replay', '--json', '--since', 'banana');
  expect(usage.code).toBe(2);
  expect(JSON.parse(usage.out)).toMatchObject({
    ...{ ok: false, code: 'USAGE', message: expect.stringContaining('banana') as string },
  });
  // What is wrong with a rule file is told once, place by place.
  const file = join(directory, 'bad.yaml');
  await writeFile(file, 'rules: [{name: a}]\n');
  const rules = await run('preview', file, '--since', '1h', '--json');
  expect(rules.code).toBe(78);
  expect(JSON.parse(rules.out)).toMatchObject({ ok: false, problems: expect.any(Array) as [] });
});

test('one object a line stays one, also when nothing can be told', async () => {
  const { code, out } = await run('lag', '--watch', '--json');
  expect(code).toBe(1);
  expect(out).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(out)).toMatchObject({ ok: false, code: 'NOT_RUNNING' });
});

test('and so when what was told first cannot be told any more', async () => {
  let isAnswered = false;
  const server = createServer((_, response) => {
    response.statusCode = isAnswered ? 503 : 200;
    isAnswered = true;
    response.end('{"stages": []}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const told = { url, pid: process.pid, process: identifyProcess(process.pid) };
  await writeFile(join(directory, 'run.json'), JSON.stringify(told));
  try {
    const { code, out } = await run('lag', '--watch', '--json');
    expect(code).toBe(1);
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { time: expect.any(String) as string, lag: [] },
      expect.objectContaining({ ok: false, code: 'STATUS_UNANSWERED' }),
    ]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test.each([
  [['audit']],
  [['replay']],
  [['dead', 'list']],
  [['dead', 'redrive']],
  [['dead', 'drop', '--yes']],
  [['unverified', 'list']],
  [['unverified', 'show', '1']],
  [['reprocess', '--marked']],
])('%j: an empty range is wrong usage', async (args) => {
  const range = ['--since', '1h', '--until', '2h'];
  const { code, out, err } = await run(...args, ...range);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('the range is empty');
  const same = ['--since', '2026-01-01', '--until', '2026-01-01T01:00:00+01:00', '--json'];
  expect(JSON.parse((await run(...args, ...same)).out)).toMatchObject({ ok: false, code: 'USAGE' });
});

test.each([
  [['stauts']],
  [['up', '--nonsense']],
  [['up', '--log-format', 'xml']],
  [['sql', 'SELECT 1', 'SELECT 2']],
  [['setup']],
  [['config', 'nonsense']],
])('%j is wrong usage', async (args) => {
  const { code, out, err } = await run(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('error: ');
});

test.each([
  [['ledger', '--tenant', 'a', 'acknowledge']],
  [['ledger', 'acknowledge', '--tenant', 'a']],
])('%j: losses are those of all tenants', async (args) => {
  const { code, out, err } = await run(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/cannot be used with acknowledge: .* Nothing was noted in the log/);
});

test.each([['status'], ['lag'], ['sql', 'SELECT 1']].map((args) => [args]))(
  '%j says that nothing runs',
  async (args) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`NOT_RUNNING: No millrace works on ${directory}.`);
    expect(err).toContain('→ Start it with "millrace up"');
  },
);

test('a right rule file is told with its rules, a wrong one with its places', async () => {
  const file = join(directory, 'rules.yaml');
  const rule = '{name: a, match: x, by: [job], widths: [1m], aggregates: [sum]}';
  await writeFile(file, `rules:\n  - ${rule}\n`);
  expect(await run('config', 'validate', file)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/is right: .*\ba\b/),
  });
  await writeFile(file, `rules:\n  - ${rule.replace('sum', 'smu')}\n  - ${rule}\n`);
  const wrong = await run('config', 'validate', file);
  expect(wrong).toMatchObject({ code: 78, out: '' });
  expect(wrong.err).toMatch(/rules\.yaml:2:\d+: RULES_UNKNOWN_AGGREGATE: /);
  const json = await run('config', 'validate', '--json', file);
  expect(json.code).toBe(78);
  expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [{ line: 2 }, { line: 3 }] });
  const missing = await run('config', 'validate', join(directory, 'missing.yaml'));
  expect(missing).toMatchObject({ code: 78, err: expect.stringContaining('CONFIG_FILE') });
});

test('settings are shown with where they come from', async () => {
  const { code, out } = await run('config', 'print', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toContainEqual(
    expect.objectContaining({
      variable: 'MILLRACE_DATA_DIR',
      value: directory,
      source: 'environment',
    }),
  );
});

test('health tells whether a process answers, and what it says', async () => {
  const answers: Record<string, number> = { '/healthz': 200, '/readyz': 503 };
  const server = createServer((request, response) => {
    response.statusCode = answers[request.url ?? ''] ?? 404;
    response.end('{"status":"so"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(await run('health', '--url', url)).toMatchObject({ code: 0, out: '{"status":"so"}\n' });
    const notReady = await run('health', '--ready', '--url', url);
    expect(notReady).toMatchObject({ code: 1, out: '' });
    expect(notReady.err).toContain('UNHEALTHY: ');
    expect(notReady.err).toContain('answers 503');
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  const told = await run('health', '--url', url, '--json');
  expect(told.code).toBe(1);
  expect(JSON.parse(told.out)).toMatchObject({ ok: false, code: 'UNHEALTHY' });
  const gone = await run('health', '--url', url);
  expect(gone.code).toBe(1);
  expect(gone.err).toContain('does not answer');
  expect(gone.err).not.toContain('fetch failed');
  expect(await run('health', '--url', 'nonsense')).toMatchObject({
    code: 78,
    err: expect.stringContaining('CONFIG_URL'),
  });
});

test('sql of a cluster asks the database that the environment names', async () => {
  const cluster = { KAFKA_BROKERS: '127.0.0.1:1' };
  expect(await runIn(cluster, 'sql', 'SELECT 1')).toMatchObject({
    code: 78,
    err: expect.stringContaining('CONFIG_STORE_URL'),
  });
  const url = 'postgres://me:hush@127.0.0.1:1/d';
  const gone = await runIn({ ...cluster, DATABASE_URL: url }, 'sql', 'SELECT 1');
  expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('127.0.0.1:1') });
  expect(gone.err).not.toContain('hush');
});
