import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { Playground, push, until, type RunningMillrace } from './running-millrace.ts';

const MINUTE_MS = 60_000;
const WINDOW_MS = 5 * MINUTE_MS;
const SOON_MS_MAX = 120_000;
const SAMPLES = 120;
const STEP_MS = 10_000;

interface Sent {
  timeMs: number;
  value: number;
}
interface Shown {
  start: number;
  count: number;
  sum: number;
  increase: number;
  marked: boolean;
  completed: boolean;
}

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.make();
});
afterEach(async () => await playground.remove());

test(
  'late samples get into windows by millrace reprocess --marked',
  { timeout: 400_000 },
  async () => {
    const fromMs = Math.floor(Date.now() / WINDOW_MS - 8) * WINDOW_MS;
    const millrace = await playground.up();
    onTestFailed(() => void process.stderr.write(millrace.output().slice(-8000)));
    const depth = Array.from({ length: SAMPLES }, (_, i) => {
      return { timeMs: fromMs + i * STEP_MS, value: (i * 7) % 50 };
    });
    // The counter begins anew now and then, and says nothing for two minutes.
    const total = depth
      .filter((_, i) => i < 40 || i >= 52)
      .map(({ timeMs }, i) => ({ timeMs, value: (i % 45) * 3 }));
    for (const some of batches(depth)) await pushAll(millrace, 'depth', 'gauge', some);
    for (const some of batches(total)) await pushAll(millrace, 'total', 'cumulative', some);
    // Between two samples that are long forgotten, where nothing was missing; and in the gap.
    const late = [5, 17, 33, 70].map((i) => ({
      timeMs: fromMs + i * STEP_MS + 4000,
      value: 1000 + i,
    }));
    const inGap = [44, 47].map((i) => ({ timeMs: fromMs + i * STEP_MS, value: 500 + i }));
    await pushAll(millrace, 'depth', 'gauge', late);
    await pushAll(millrace, 'total', 'cumulative', inGap);
    await until('windows are marked, and over', SOON_MS_MAX, async () => {
      const open = await playground.sql(
        'SELECT FROM windows_open WHERE marked AND start + width < now()',
      );
      const marked = (await shown('depth', fromMs)).concat(await shown('total', fromMs));
      return open.length === 0 && marked.filter((one) => one.marked).length >= 4;
    });
    const before = await shown('depth', fromMs);
    expect(before).not.toEqual(expectedOf(depth.concat(late), before));

    const since = new Date(fromMs).toISOString();
    const told = await playground.run(['reprocess', '--marked', '--since', since, '--json']);
    // A machine that does something else meanwhile takes long enough for this to be told.
    const stderr = told.stderr.replaceAll(/^\d+ of \d+ marked windows, .*\n/gm, '');
    expect({ code: told.code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(told.stdout) as Record<string, number>;
    expect(report).toMatchObject({ notCompletable: 0, reasons: [] });
    expect(report['completed']).toBeGreaterThanOrEqual(4);
    expect(report['marked']).toBe(report['completed']! + report['notOver']!);
    const after = await shown('depth', fromMs);
    expect(after).toEqual(expectedOf(depth.concat(late), after));
    const counted = await shown('total', fromMs);
    expect(counted).toEqual(expectedOf(total.concat(inGap), counted, true));

    // What comes later marks its window again, and the next run makes it whole again.
    const again = [{ timeMs: fromMs + 17 * STEP_MS + 5000, value: 3 }];
    await pushAll(millrace, 'depth', 'gauge', again);
    await until('it is marked again', SOON_MS_MAX, async () => {
      return (await shown('depth', fromMs)).some(({ marked }) => marked);
    });
    const text = await playground.run(['reprocess', '--marked']);
    expect(text.code).toBe(0);
    // Its own and that of its hour, and that of the hour of the other series, if it ended just now.
    expect(text.stdout).toMatch(
      /^\d+ windows? marked; [123] completed; \d+ not over yet, or the next one is not; 0 not completable$/m,
    );
    const whole = await shown('depth', fromMs);
    expect(whole).toEqual(expectedOf(depth.concat(late, again), whole));
  },
);

async function pushAll(
  { info }: RunningMillrace,
  name: string,
  kind: string,
  sent: readonly Sent[],
): Promise<void> {
  const samples = sent.map(({ timeMs, value }) => {
    return { name, kind, value, time: new Date(timeMs).toISOString(), labels: { queue: 'a' } };
  });
  expect(await push(info.url, samples, { wait: 'stored' })).toMatchObject({ status: 200 });
}

function* batches(sent: readonly Sent[]): Generator<readonly Sent[]> {
  for (let i = 0; i < sent.length; i += 10) yield sent.slice(i, i + 10);
}

/** Of windows of five minutes that are over. */
async function shown(metric: string, fromMs: number): Promise<Shown[]> {
  return await playground.sql<Shown & Record<string, unknown>>(
    `SELECT extract(epoch FROM start)::float8 * 1000 AS start, count::float8, sum, increase, marked,
       completed
     FROM series_windows
     WHERE metric = '${metric}' AND width = '5 minutes' AND complete
       AND start >= '${new Date(fromMs).toISOString()}'
     ORDER BY start`,
  );
}

/** What windows must show: the simple way, from all samples in the order of their times. */
function expectedOf(sent: readonly Sent[], rows: readonly Shown[], isCounter = false): Shown[] {
  const sorted = sent.toSorted((a, b) => a.timeMs - b.timeMs);
  return rows.map(({ start, completed }) => {
    const inside = sorted.filter(({ timeMs }) => timeMs >= start && timeMs < start + WINDOW_MS);
    const increases = inside.map((one) => {
      const previous = sorted[sorted.indexOf(one) - 1];
      if (previous === undefined) return 0;
      return one.value < previous.value ? one.value : one.value - previous.value;
    });
    const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
    return {
      ...{ start, count: inside.length, sum: sumOf(inside.map(({ value }) => value)) },
      ...{ increase: isCounter ? sumOf(increases) : 0, marked: false, completed },
    };
  });
}
