import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendBarrier, openControl, readHistory } from '@millrace/control';
import { parseRules } from '@millrace/rules';
import { createMeter, silentLog, systemClock, type Clock } from '@millrace/runtime';
import { openLmdbStateStore } from '@millrace/state/lmdb';
import { TOPIC_EVENTS, TOPICS, type Stream } from '@millrace/stream';
import { openSegmentStream } from '@millrace/stream/segment';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { dataRecord } from '@millrace/transformer/testing';
import { DEFAULT_FOLD_SETTINGS, encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createConsoleOutput } from '../console-output.ts';
import { reckonPast } from '../editions/reckon-past.ts';
import type { PreviewReport } from '../preview/preview-report.ts';
import { formatTimeUs } from '../quantities.ts';
import { runCommand } from '../testing/served-rules.ts';

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const NOW_US = Math.floor(Date.now() / 60_000) * MINUTE_US;
const ROUTES = ['a', 'a', 'b', 'b'];
const RULES = `rules:
  - {name: routes, match: m, by: [route], widths: [1m], aggregates: [sum, avg, quantile]}
`;

let directory: string;
let nowUs = NOW_US;
const clock: Clock = { ...systemClock, nowUs: () => nowUs };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-preview-'));
  environment = {};
});
afterEach(async () => await rm(directory, { recursive: true }));

async function openLog(): Promise<Stream> {
  return await openSegmentStream({
    ...{
      settings: { segmentBytes: 4_000, retentionMs: 60_000 },
      directory: join(directory, 'log'),
    },
    ...{ partitions: 1, owns: TOPICS, clock, log: silentLog },
  });
}

/** Twenty minutes of four series, every ten seconds, under the rules of `source`. */
async function fillLog(source = '', untilMinutes = 0): Promise<void> {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  const stream = await openLog();
  nowUs = NOW_US - 20 * MINUTE_US;
  const settings = DEFAULT_FOLD_SETTINGS;
  const first = { rules: parsed.compiled, settings, foldVersion: 2, source };
  const { inForce } = await openControl({ stream, clock }, first);
  const producer = stream.producer();
  const logId = 'ab'.repeat(16);
  const begin = { kind: EventsRecordKind.log, logId } as const;
  await producer.append(TOPIC_EVENTS, 0, encodeEventsRecord(begin));
  await appendBarrier({ producer, clock, partitions: 1 }, 0, inForce);
  await producer.close();
  await stream.close();
  await goOn(untilMinutes);
}

/** What comes until `minutes` before now. */
async function goOn(minutes: number): Promise<void> {
  const stream = await openLog();
  const producer = stream.producer();
  for (; nowUs < NOW_US - minutes * MINUTE_US; nowUs += 10 * SECOND_US) {
    const samples = ROUTES.map((route, pod) => {
      return { labels: { __name__: 'm', pod: String(pod), route }, timeUs: nowUs, value: pod + 1 };
    });
    const sequence = Math.round(nowUs / SECOND_US);
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence });
    await producer.append(TOPIC_EVENTS, 0, encodeEventsRecord(record));
  }
  const tick = encodeEventsRecord({ kind: EventsRecordKind.tick, receivedAtUs: nowUs });
  await producer.append(TOPIC_EVENTS, 0, tick);
  await producer.close();
  await stream.close();
}

let environment: Record<string, string> = {};

async function preview(text: string, ...args: string[]) {
  const file = join(directory, 'rules.yaml');
  await writeFile(file, text);
  return await runCommand(['preview', file, '--data-dir', directory, ...args], environment);
}

const since = (minutes: number): string[] => {
  return ['--since', new Date((NOW_US - minutes * MINUTE_US) / 1000).toISOString()];
};

async function report(text: string, ...args: string[]): Promise<PreviewReport> {
  const { code, out, err } = await preview(text, ...args, '--json');
  // A machine that does something else meanwhile takes long enough for this to be told.
  const told = err.replaceAll(/^[\d,]+ samples folded \.\.\.\n/gm, '');
  expect({ code, told }).toEqual({ code: 0, told: '' });
  return JSON.parse(out) as PreviewReport;
}

describe('preview', () => {
  test('counts what rules would make of the range, and writes nothing', async () => {
    await fillLog();
    const { rules, raw, removed, notCovered, ...rest } = await report(RULES, ...since(10));
    const from = formatTimeUs(NOW_US - 10 * MINUTE_US);
    expect(rest.partitions).toEqual([
      {
        ...{ partition: 0, position: 0, checkpoint: null, archive: null },
        ...{ records: 124, samples: 480, from, seconds: 600 },
      },
    ]);
    const routes = rules.find(({ rule }) => rule === 'routes')!;
    expect(routes).toMatchObject({
      ...{ change: 'added', drops: false, keepsRaw: true, current: null },
      planned: { seriesIn: 4, seriesOut: 2, rowsPerDay: 2 * 1440 },
      raw: { samplesPerDay: 0, bytesPerDay: 0 },
    });
    expect(routes.planned.samplesPerSecond).toBeCloseTo(0.4, 2);
    expect(routes.planned.bytesPerDay / routes.planned.rowsPerDay).toBeGreaterThan(120);
    expect(routes.planned.bytesPerDay / routes.planned.rowsPerDay).toBeLessThan(250);
    expect(routes.examples).toHaveLength(2);
    const a = routes.examples.find(({ labels }) => labels.includes('"a"'));
    expect(a).toMatchObject({
      ...{ labels: 'm{route="a"}', width: '1m', complete: true },
      values: { sum: 18, avg: 1.5, p99: expect.closeTo(2, 1) },
    });
    // The built-in rule goes on as it is.
    const rollup = rules.find(({ rule }) => rule === 'rollup')!;
    expect(rollup.change).toBe('unchanged');
    expect(rollup.current).toEqual(rollup.planned);
    expect(rollup.widths.map(({ width, rowsPerDay }) => [width, rowsPerDay])).toEqual([
      ...[
        ['5m', 4 * 288],
        ['1h', 4 * 24],
      ],
    ]);
    expect(raw.planned.samplesPerDay).toBeCloseTo(4 * 8640, -2);
    expect(raw.current).toEqual(raw.planned);
    expect({ removed, notCovered }).toEqual({ removed: [], notCovered: [] });
    const stream = await openLog();
    expect((await readHistory(stream)).versions).toHaveLength(1);
    expect((await stream.bounds(TOPIC_EVENTS, 0)).end).toBe(124);
    await stream.close();
  });

  test('counts the series that come of samples from before the range', async () => {
    await fillLog('', 5);
    const stream = await openLog();
    const producer = stream.producer();
    const labels = { __name__: 'late', pod: '1' };
    const samples = [{ labels, timeUs: nowUs - 180 * MINUTE_US, value: 1 }];
    const record = dataRecord({ samples, receivedAtUs: nowUs, sequence: 1e9 });
    await producer.append(TOPIC_EVENTS, 0, encodeEventsRecord(record));
    await producer.close();
    await stream.close();
    const rules = 'rules: [{name: late, match: late, widths: [1m], aggregates: [sum]}]';
    const found = await report(rules, ...since(10));
    expect(found.rules.find(({ rule }) => rule === 'late')).toMatchObject({
      planned: { seriesIn: 1, seriesOut: 1, rowsPerDay: 0 },
    });
  });

  test('tells what is not kept raw any more, what is dropped, and which rules go', async () => {
    await fillLog(RULES);
    const notRaw = RULES.replace('routes', 'other').replace('}\n', ', keep_raw: false}\n');
    const kept = await report(notRaw, ...since(10));
    const other = kept.rules.find(({ rule }) => rule === 'other')!;
    expect(other.keepsRaw).toBe(false);
    expect(other.raw.samplesPerDay).toBeCloseTo(-4 * 8640, -2);
    expect(kept.raw.planned).toEqual({ samplesPerDay: 0, bytesPerDay: 0 });
    expect(kept.removed).toMatchObject([{ rule: 'routes', current: { seriesOut: 2 } }]);
    expect(kept.rules.find(({ rule }) => rule === 'rollup')).toMatchObject({
      ...{ change: 'changed', planned: { seriesOut: 0 }, current: { seriesOut: 4 } },
    });
    const dropping = await report(
      'rules: [{name: no, match: \'m{route="a"}\', drop: true}]',
      ...since(10),
    );
    expect(dropping.rules.find(({ rule }) => rule === 'no')).toMatchObject({
      ...{ drops: true, planned: { seriesIn: 2, seriesOut: 0, bytesPerDay: 0 } },
    });
    expect(dropping.raw.planned.samplesPerDay).toBeCloseTo(2 * 8640, -2);
  });

  test('shows it to people', async () => {
    await fillLog();
    const { code, out } = await preview(RULES, ...since(10));
    expect(code).toBe(0);
    expect(out).toMatch(
      /^What .*rules\.yaml would cost, by what came from .* Nothing was changed\.$/m,
    );
    expect(out).toMatch(/^\+ +routes +4 +2 +0\.4 +0\.0333 +\d+\.\d KiB +– +kept +as now$/m);
    expect(out).toMatch(/^routes, for example:\n.*Z \+1m {2}m\{route="."\} {2}sum \d+, avg /m);
    expect(out).toMatch(/^Raw samples in all: 34,\d{3} a day, .* \(as now\)\.$/m);
  });

  test('ends at its bounds, and says what was not looked at', async () => {
    await fillLog();
    const { notCovered, partitions } = await report(RULES, ...since(10), '--samples', '300');
    expect(notCovered).toEqual([expect.stringMatching(/^Partition 0: .*--samples was reached\.$/)]);
    expect(partitions[0]).toMatchObject({ samples: 300 });
    const nothing = await preview(RULES, ...since(10), '--samples', '100');
    expect(nothing).toMatchObject({ code: 1, out: '' });
    expect(nothing.err).toMatch(/^PREVIEW_NOTHING: A bound was reached before the range began/);
    const future = await preview(RULES, '--since', new Date(Date.now() + 60_000).toISOString());
    expect(future).toMatchObject({ code: 2, err: expect.stringContaining('in the future') });
  });

  test('tells the faults of a file as "config validate" does', async () => {
    await fillLog();
    const wrong = await preview(RULES.replace('sum', 'smu'), ...since(10));
    expect(wrong).toMatchObject({ code: 78, out: '' });
    expect(wrong.err).toMatch(/rules\.yaml:2:\d+: RULES_UNKNOWN_AGGREGATE: .* mean sum\?/);
    const asJson = await preview(RULES.replace('sum', 'smu'), ...since(10), '--json');
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, problems: [{ line: 2 }] });
  });

  test('begins with a checkpoint, and says which part of the log is missing', async () => {
    await fillLog('', 12);
    const position = await foldAndCheckpoint();
    await goOn(0);
    const { partitions, rules, raw } = await report(RULES, ...since(2));
    expect(partitions).toMatchObject([{ position, checkpoint: expect.any(String) }]);
    const stream = await openLog();
    await stream.release(TOPIC_EVENTS, 0, position);
    const { start } = await stream.bounds(TOPIC_EVENTS, 0);
    await stream.close();
    expect(start).toBeGreaterThan(0);
    // What is found does not depend on where the fold begins.
    expect(await report(RULES, ...since(2))).toMatchObject({ rules, raw });
    expect(rules.find(({ rule }) => rule === 'routes')).toMatchObject({
      planned: { seriesIn: 4, seriesOut: 2, rowsPerDay: 2 * 1440 },
    });
    const cut = await preview(RULES, ...since(10));
    expect(cut).toMatchObject({ code: 1, out: '' });
    expect(cut.err).toMatch(/^PREVIEW_LOG_CUT: Partition 0 .* begins at offset \d+/);
    expect(cut.err).toMatch(/the oldest usable checkpoint is of \S+Z/);
    expect(cut.err).toContain('No archive is set here');
  });

  test('reckons with what the log holds, however far back the past is asked for', async () => {
    await fillLog();
    const whole = await reckoned(20);
    expect(whole!.store).toBeGreaterThan(1000);
    const asked = await reckoned(30 * 24 * 60);
    expect(asked!.store / whole!.store).toBeCloseTo(1, 1);
    expect(asked!.days).toBeCloseTo(20 / 1440, 2);
  });

  test('reads from the archive what the log has forgotten, and says so', async () => {
    await fillLog('', 12);
    const position = await foldAndCheckpoint();
    await goOn(0);
    const { rules, raw } = await report(RULES, ...since(15));
    const archive = join(directory, 'archive');
    environment = { MILLRACE_ARCHIVE__URL: `file://${archive}` };
    const run = await runCommand(
      ...([['archive', 'run', '--all', '--data-dir', directory], environment] as const),
    );
    expect(run).toMatchObject({ code: 0, out: expect.stringContaining('All is archived.') });
    const stream = await openLog();
    await stream.release(TOPIC_EVENTS, 0, position);
    await stream.close();
    const whole = await report(RULES, ...since(15));
    expect(whole).toMatchObject({ rules, raw });
    const archived = `file://${archive}`;
    expect(whole.partitions).toMatchObject([{ position: 0, archive: archived, samples: 480 }]);
    expect((await preview(RULES, ...since(15))).out).toContain(`read from the archive ${archived}`);
    // What is reckoned before the past is folded sees as far.
    const size = await reckoned(15);
    expect(size!.store).toBeGreaterThan(0);
    // Where it is not needed, an archive that is away harms nobody.
    await rename(archive, `${archive}-away`);
    await mkdir(archive);
    expect((await report(RULES, ...since(2))).partitions).toMatchObject([{ archive: null }]);
    const away = await preview(RULES, ...since(15));
    expect(away).toMatchObject({ code: 1, out: '' });
    expect(away.err).toMatch(/^ARCHIVE_NOT_THERE: /);
    // Whoever is not told of the one that the log is bound to does not think that there is none.
    environment = {};
    expect((await preview(RULES, ...since(15))).err).toMatch(/^ARCHIVE_UNSET: /);
    expect(await reckoned(15)).toBeUndefined();
    const forget = ['archive', 'forget', '--yes', '--data-dir', directory];
    expect(await runCommand(forget, environment)).toMatchObject({ code: 0 });
    expect((await preview(RULES, ...since(15))).err).toMatch(/^PREVIEW_LOG_CUT: /);
  });
});

/** What `reprocess` tells before it begins. */
async function reckoned(minutes: number) {
  const parsed = parseRules(RULES);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  const { signal } = new AbortController();
  const sinceUs = NOW_US - minutes * MINUTE_US;
  const stdout = { write: (text: string) => void text };
  const output = createConsoleOutput({ stdout, stderr: stdout, environment });
  return await reckonPast({
    ...{ context: { output, environment, program: 'millrace' }, dataDir: directory },
    ...{ file: { rules: parsed.compiled, source: RULES }, sinceUs, signal },
  });
}

/** As the process does it when it is stopped. */
async function foldAndCheckpoint(): Promise<number> {
  const stream = await openLog();
  const state = openLmdbStateStore({ directory: join(directory, 'state') });
  const transformer = createTransformer(
    { stream, state, clock, log: silentLog, meter: createMeter() },
    { ...DEFAULT_TRANSFORMER_SETTINGS, tickMs: 60_000, partitions: [0] },
  );
  const running = transformer.run();
  const { end } = await stream.bounds(TOPIC_EVENTS, 0);
  await expect.poll(() => transformer.status().partitions[0]?.position).toBeGreaterThanOrEqual(end);
  await transformer.stop();
  await running;
  await transformer.checkpoint({ isAsked: true, signal: new AbortController().signal });
  await state.close();
  await stream.close();
  return end;
}
