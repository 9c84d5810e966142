import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPIC_CONTROL, TOPIC_EVENTS } from '@millrace/stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand, serveRules, type ServedRules } from '../testing/served-rules.ts';

const A = `# our rules
rules:
  - {name: a, match: 'm{env="prod"}', by: [route], widths: [10s], aggregates: [sum]}
`;
const B = `rules:
  - {name: a, match: 'm{env="prod"}', widths: [30s], aggregates: [sum]}
  - {name: b, match: n, widths: [1m], aggregates: [rate], keep_raw: false}
`;

let directory: string;
let served: ServedRules;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-rules-'));
  file = join(directory, 'rules.yaml');
  served = await serveRules();
});
afterEach(async () => {
  await served.stop();
  await rm(directory, { recursive: true });
});

async function rules(...args: string[]) {
  return await runCommand(['rules', ...args], { MILLRACE_URL: served.url });
}

async function json(...args: string[]) {
  const { code, out } = await rules(...args, '--json');
  expect(code).toBe(0);
  return JSON.parse(out) as Record<string, never>;
}

async function applyText(text: string) {
  await writeFile(file, text);
  return await rules('apply', file);
}

describe('rules apply', () => {
  test('tells what changed, from when it counts, and that history stays', async () => {
    const first = await applyText(A);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/^Version \d+ is in force from here on; 3 partitions were told\.\n/);
    expect(first.out).toMatch(/^added +a +\d+$/m);
    expect(first.out).toMatch(/^unchanged +rollup +\d+$/m);
    expect(first.out).toMatch(/from now on, from its barrier[^]*first window after that/);
    expect(first.out).toContain('history is not computed again');
    const second = await applyText(B);
    expect(second.out).toMatch(/^changed +a +(\d+) → (?!\1)\d+$/m);
    expect(second.out).toMatch(/^added +b +\d+$/m);
    const third = await applyText('');
    expect(third.out).toMatch(/^removed +b +\d+$/m);
  });

  test('says that nothing changed when it is repeated, and completes barriers', async () => {
    await applyText(A);
    const { end } = await served.stream.bounds(TOPIC_EVENTS, 1);
    const again = await rules('apply', file);
    expect(again.code).toBe(0);
    expect(again.out).toMatch(/^Nothing changed: version \d+ has the same rules\./);
    expect(again.out).toContain('barriers that were missing');
    // A tick and the barrier.
    expect((await served.stream.bounds(TOPIC_EVENTS, 1)).end).toBe(end + 2);
  });

  test('with --plan changes nothing', async () => {
    await applyText(A);
    const { end } = await served.stream.bounds(TOPIC_CONTROL, 0);
    await writeFile(file, B);
    const planned = await rules('apply', file, '--plan');
    expect(planned.out).toMatch(/^Version \d+ would be replaced; nothing was changed\.\n/);
    expect(planned.out).toMatch(/^changed +a +\d+ → a new one$/m);
    expect(planned.out).toContain('would stay as it is');
    expect((await served.stream.bounds(TOPIC_CONTROL, 0)).end).toBe(end);
    await writeFile(file, A);
    expect((await rules('apply', file, '--plan')).out).toMatch(/^Nothing would change: version \d/);
    expect(await json('apply', file, '--plan')).toMatchObject({ changed: false, barriers: [] });
  });

  test('tells the faults of a file as "config validate" does', async () => {
    const wrong = await applyText(A.replace('sum', 'smu'));
    expect(wrong).toMatchObject({ code: 78, out: '' });
    expect(wrong.err).toMatch(/rules\.yaml:3:\d+: RULES_UNKNOWN_AGGREGATE: .* mean sum\?/);
    const asJson = await rules('diff', file, '--json');
    expect(asJson.code).toBe(78);
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, problems: [{ line: 3 }] });
    const missing = await rules('apply', join(directory, 'missing.yaml'));
    expect(missing).toMatchObject({ code: 78, err: expect.stringContaining('CONFIG_FILE') });
    expect(missing.err).toContain('Nothing was changed.');
  });

  test('passes on what the receiver refuses, with its code and remedy', async () => {
    const tooBig = await applyText(`# ${'x'.repeat(1_000_000)}\n${A}`);
    expect(tooBig).toMatchObject({ code: 78, out: '' });
    expect(tooBig.err).toMatch(/^RULES_TOO_BIG: .*\n→ Remove rules or comments/);
  });
});

describe('rules diff', () => {
  test('shows field by field what a file would change', async () => {
    await applyText(A);
    await writeFile(file, B);
    const { code, out } = await rules('diff', file);
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^version \d+ → .*rules\.yaml$/);
    expect(lines).toContain('+ b');
    expect(lines).toContain('    keep_raw: false');
    expect(lines).toContain('~ a');
    expect(lines).toContain('    by: [route] → not set');
    expect(lines).toContain('    widths: [10s] → [30s]');
    expect(lines).not.toContain('    aggregates: [sum] → [sum]');
    expect(lines).toContain('~ rollup');
    expect(lines).toContain('    which series it gets: other rules take others away');
    await writeFile(file, 'rules: []');
    expect((await rules('diff', file)).out).toMatch(/^- a$/m);
    await writeFile(file, A);
    expect((await rules('diff', file)).out).toMatch(/says what is in force: version \d+\.$/m);
    expect(await json('diff', file)).toMatchObject({ changed: false });
  });
});

describe('rules list and show', () => {
  test('show what is in force, and every version there was', async () => {
    await applyText(A);
    await applyText(B);
    const list = await rules('list');
    expect(list.out).toMatch(/^version \d+, in force since \S+Z; fold version 1, lateness 1m, /);
    expect(list.out).toMatch(/^rollup +\{\} +all +5m 1h .* kept +\d+$/m);
    expect(list.out).toMatch(/^b +n +all +1m +rate +dropped +\d+$/m);
    const versions = await rules('list', '--versions');
    expect(versions.out).toMatch(/\+b ~rollup ~a|\+b ~a ~rollup/);
    const { versions: all } = (await json('list', '--versions')) as never as {
      versions: { version: number; added: string[] }[];
    };
    expect(all.map(({ added }) => added)).toEqual([['b'], ['a'], ['rollup']]);
    const older = String(all[1]?.version);
    const shown = await rules('show', older);
    expect(shown.out).toMatch(/^# version \d+, from \S+Z until \S+Z; /);
    expect(shown.out).toContain('    by: [route]\n');
    expect((await rules('show', older, '--source')).out).toBe(A);
    await writeFile(file, (await rules('show')).out);
    expect(await json('apply', file, '--plan')).toMatchObject({ changed: false });
    expect(await json('show')).toMatchObject({ version: all[0]?.version, source: B });
    const first = await rules('show', String(all[2]?.version), '--source');
    expect(first).toMatchObject({ code: 0, out: '', err: expect.stringContaining('built-in') });
  });

  test('say when there is no such version', async () => {
    const unknown = await rules('show', '7');
    expect(unknown).toMatchObject({ code: 1, out: '' });
    expect(unknown.err).toMatch(/^NO_SUCH_VERSION: .*\n→ .*rules list --versions/);
  });
});

describe('whom they ask', () => {
  test('is whom --url names, before MILLRACE_URL', async () => {
    const environment = { MILLRACE_URL: 'http://127.0.0.1:1' };
    const answer = await runCommand(['rules', 'list', '--url', `${served.url}/`], environment);
    expect(answer.code).toBe(0);
  });

  test('is the running process otherwise, and the remedy starts one with the file', async () => {
    await writeFile(file, A);
    const args = ['rules', 'apply', file, '--data-dir', directory];
    const { code, err } = await runCommand(args, { MILLRACE_URL: served.url });
    expect(code).toBe(1);
    expect(err).toContain('NOT_RUNNING');
    expect(err).toContain(`"millrace up --config ${file}"`);
    expect((await runCommand(['rules', 'list', '--data-dir', directory])).code).toBe(1);
  });

  test('must be a receiver that answers', async () => {
    const wrong = await runCommand(['rules', 'list', '--url', 'ftp://x']);
    expect(wrong).toMatchObject({ code: 78, err: expect.stringContaining('CONFIG_URL') });
    await served.stop();
    await writeFile(file, A);
    const gone = await rules('apply', file);
    expect(gone).toMatchObject({ code: 1, out: '' });
    expect(gone.err).toMatch(/^RECEIVER_UNANSWERED: .*ECONNREFUSED.* is not known\./);
    served = await serveRules();
    const other = await runCommand(['rules', 'list', '--url', `${served.url}/healthz`]);
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('NOT_FOUND') });
  });

  test.each([
    [200, '<html>', 'RECEIVER_NOT_FOUND', 1],
    [502, '', 'RECEIVER_NOT_FOUND', 1],
    [404, '{"code":"not_found","detail":"Of a writer."}', 'RECEIVER_NOT_FOUND', 1],
    [409, '{"code":"rules_outrun","title":"t","detail":"Somebody."}', 'RULES_OUTRUN: Somebody.', 1],
    [
      422,
      '{"code":"invalid_rules","title":"t","detail":"d","problems":[{"line":1,"column":2,' +
        '"code":"RULES_NEW","message":"A newer fault.","remedy":"So."}]}',
      'rules.yaml:1:2: RULES_NEW: A newer fault. So.',
      78,
    ],
  ])('may answer %i %s', async (status, body, text, exitCode) => {
    const answer: RequestListener = (request, response) => {
      request.resume();
      response.writeHead(status).end(body);
    };
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await writeFile(file, A);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, err } = await runCommand(['rules', 'apply', file, '--url', url]);
    server.close();
    expect(err).toContain(text);
    expect(code).toBe(exitCode);
  });
});

describe('rules upgrade', () => {
  test('brings the newest fold version into force, once', async () => {
    const plan = await rules('upgrade', '--plan');
    expect(plan.out).toMatch('Fold version 1 would be replaced by 3; nothing was changed.');
    const first = await rules('upgrade');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /^Fold version 3 is in force from here on, instead of 1; 3 partitions/,
    );
    expect((await rules('upgrade')).out).toMatch('Nothing changed: that fold version is in force.');
    expect(await json('upgrade', '--fold-version', '1')).toMatchObject({
      plan: { foldVersion: { from: 3, to: 1 } },
    });
    const unknown = await rules('upgrade', '--fold-version', '99');
    expect(unknown).toMatchObject({ code: 1, out: '' });
    expect(unknown.err).toMatch('RULES_FOLD_VERSION');
  });

  test('comes before rules that drop, which then are told apart', async () => {
    const text = 'rules: [{name: noise, match: m, drop: true}]';
    const refused = await applyText(text);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/needs fold version 2[^]*millrace rules upgrade/);
    await rules('upgrade');
    expect((await applyText(text)).out).toMatch(/^added +noise +\d+$/m);
    const list = await rules('list');
    expect(list.out).toMatch(/^noise +m +all +all dropped +\d+$/m);
    expect((await rules('show')).out).toMatch(
      /^ {2}- name: noise.*\n {4}match: m\n {4}drop: true$/m,
    );
    expect((await rules('diff', file)).out).toMatch('says what is in force');
  });
});
