import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPIC_EVENTS } from '@millrace/stream';
import { decodeEventsRecord, DefinitionReader, EventsRecordKind } from '@millrace/wire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ExplainedSample } from '../explained-sample.ts';
import { runCommand, serveRules, type ServedRules } from '../testing/served-rules.ts';

const RULES = `rules:
  - name: routes
    match: 'm{env="prod"}'
    by: [route]
    widths: [10s, 1h]
    aggregates: [rate, distinct(pod)]
    keep_raw: false
  - {name: other, match: 'm{route=~"/x.*"}', widths: [1m], aggregates: [sum]}
`;
const SAMPLE = 'm{env="prod",route="/cart",pod="a"} 3 2026-01-01T00:00:25.5Z';

let directory: string;
let served: ServedRules;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-explain-'));
  file = join(directory, 'rules.yaml');
  await writeFile(file, RULES);
  served = await serveRules(7);
});
afterEach(async () => {
  await served.stop();
  await rm(directory, { recursive: true });
});

async function explain(...args: string[]) {
  return await runCommand(['explain', ...args], { MILLRACE_DATA_DIR: directory });
}

async function explained(...args: string[]) {
  const { code, out } = await explain(...args, '--json');
  expect(code).toBe(0);
  const answer = JSON.parse(out) as ExplainedSample;
  if (!answer.accepted) throw new Error(answer.reason);
  return answer;
}

test('a sample is explained under the rules in force', async () => {
  await runCommand(['rules', 'apply', file, '--url', served.url]);
  const answer = await explained(SAMPLE, '--url', served.url);
  expect(answer).toMatchObject({
    labels: { __name__: 'm', env: 'prod', pod: 'a', route: '/cart' },
    time: '2026-01-01T00:00:25.500Z',
    hasOwnTime: true,
    tenant: 'default',
    partitions: 7,
    keepRaw: false,
    droppedBy: ['routes'],
  });
  const [rollup, routes, other] = ['rollup', 'routes', 'other'].map((name) => {
    return answer.rules.find(({ rule }) => rule === name);
  });
  expect(rollup).toMatchObject({ verdict: 'not_kept_raw' });
  expect(rollup?.reason).toContain('routes says keep_raw: false');
  expect(other).toMatchObject({
    verdict: 'no_match',
    reason: 'route=~"/x.*" does not hold: route is "/cart"',
  });
  expect(routes).toMatchObject({
    verdict: 'folds',
    edition: expect.any(Number),
    output: { labels: { __name__: 'm', route: '/cart' }, isSameSeries: false },
    windows: [
      { width: '10s', start: '2026-01-01T00:00:20Z', end: '2026-01-01T00:00:30Z' },
      { width: '1h', start: '2026-01-01T00:00:00Z', end: '2026-01-01T01:00:00Z' },
    ],
    aggregates: ['distinct(pod)', 'rate'],
    notes: [expect.stringContaining('to the increase'), expect.stringContaining('pod="a"')],
  });
});

test('it goes into the partition that was told', async () => {
  for (let i = 0; i < 5; i += 1) {
    const { partition } = await explained(`p{i="${i}"} 1`, '--url', served.url);
    const body = JSON.stringify({ name: 'p', labels: { i: String(i) }, value: 1 });
    const headers = { 'content-type': 'application/json' };
    await fetch(`${served.url}/v1/events`, { method: 'POST', body, headers });
    const { end } = await served.stream.bounds(TOPIC_EVENTS, partition!);
    const reader = served.stream.reader(TOPIC_EVENTS, partition!, end - 1);
    const [last] = await reader.next({ bytesMax: 1_000_000, waitMs: 1000 });
    await reader.close();
    const record = decodeEventsRecord(last!.payload);
    expect(record.kind).toBe(EventsRecordKind.data);
    const data = record.kind === EventsRecordKind.data ? record : undefined;
    const labels = data === undefined ? [] : new DefinitionReader(data.definitions).labels(0);
    expect(labels).toContainEqual(['i', String(i)]);
  }
});

test('people get the same in words, what folds it first', async () => {
  const { code, out } = await explain(SAMPLE, '--config', file);
  expect(code).toBe(0);
  expect(out).toMatch(/^m\{env="prod",pod="a",route="\/cart"\}\n/);
  expect(out).toMatch(/^ {2}raw +dropped by routes$/m);
  expect(out).toMatch(/^ {2}series_id +-?\d+ \(fingerprint [0-9a-f]{32}, tenant default\)$/m);
  expect(out).not.toContain('partition');
  expect(out).not.toContain('edition');
  expect(out).toMatch(/^\+ routes\n {4}into +m\{route="\/cart"\} \(series_id -?\d+\)$/m);
  expect(out).toMatch(/^ {4}windows +10s \[2026-01-01T00:00:20Z, 2026-01-01T00:00:30Z\)$/m);
  expect(out.indexOf('+ routes')).toBeLessThan(out.indexOf('- rollup'));
  const none = await explain('n 1', '--config', file);
  expect(none.out).toMatch(/^ {2}raw +kept$/m);
  expect(none.out).toMatch(/time .* so its arrival counts/);
  expect(none.out).toMatch(/^\+ rollup\n {4}into +its own series$/m);
  expect(none.out).toMatch(/^- routes: it is for "m", and this is "n"$/m);
});

test('what a kind does to increases, and what there is no label for, is told', async () => {
  const gauge = '{"name":"m","labels":{"env":"prod"},"value":1}';
  const answer = await explained(gauge, '--config', file);
  expect(answer).toMatchObject({
    kind: 'gauge',
    hasOwnTime: false,
    version: null,
    partition: null,
  });
  const routes = answer.rules.find(({ rule }) => rule === 'routes');
  expect(routes).toMatchObject({ edition: null });
  expect(routes?.notes).toEqual([
    'of kind gauge it adds nothing to the increase: it does not count up',
    'it has no label pod, so there is nothing distinct to count',
  ]);
  const other = answer.rules.find(({ rule }) => rule === 'other');
  expect(other?.reason).toBe('route=~"/x.*" does not hold: there is no route');
});

test('what the receiver would refuse is told with its remedy', async () => {
  const { code, out } = await explain('m{a="b"} one', '--config', file, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ accepted: false, reason: 'invalid_value' });
  const future = await explain('m 1 2200-01-01T00:00:00Z', '--config', file);
  expect(future.out).toMatch(/^refused by the receiver: time_too_far_in_future: .*\n→ Set the/);
});

test.each([
  [['m{'], 2, 'this is no sample'],
  [['m', '--config', 'x', '--url', 'http://127.0.0.1:1'], 2, 'cannot be used with'],
  [['m'], 1, 'name a rule file with --config'],
  [['m', '--config', '/no/such/file'], 78, 'CONFIG_FILE'],
])('%j ends with %i', async (args, exitCode, text) => {
  const { code, out, err } = await explain(...args);
  expect({ code, out }).toEqual({ code: exitCode, out: '' });
  expect(err).toContain(text);
});

test('a sample that a rule drops is told to be counted, and nothing else', async () => {
  await writeFile(file, `${RULES}  - {name: noise, match: '{env="prod"}', drop: true}\n`);
  const { isDropped, droppedBy, rules } = await explained(SAMPLE, '--config', file);
  expect({ isDropped, droppedBy }).toEqual({ isDropped: true, droppedBy: ['noise'] });
  const verdicts = Object.fromEntries(rules.map(({ rule, verdict }) => [rule, verdict]));
  expect(verdicts).toEqual({
    rollup: 'dropped',
    routes: 'dropped',
    other: 'no_match',
    noise: 'drops',
  });
  const { out } = await explain(SAMPLE, '--config', file);
  expect(out).toMatch(/^ {2}raw +dropped altogether by noise$/m);
  expect(out).toMatch(/^- noise: it drops the sample: it is counted, and nothing else$/m);
  expect(out).toMatch(/^- routes: noise drops what it matches$/m);
});
