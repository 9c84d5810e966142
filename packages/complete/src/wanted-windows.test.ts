import { fingerprintOf, type LabelSet } from '@millrace/model';
import { parseRules } from '@millrace/rules';
import { expect, it } from 'vitest';
import { WantedWindows } from './wanted-windows.ts';

const MINUTE_US = 60_000_000;

it('have the same times for all series that go into the same windows', () => {
  const parsed = parseRules(
    'rules: [{ name: a, match: up, widths: [1m], aggregates: [sum], by: [job] }]',
  );
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  const rules = parsed.compiled;
  const { edition } = rules.rules.find(({ name }) => name === 'a')!;
  const up = (job: string, host: string): LabelSet => [
    ['__name__', 'up'],
    ['host', host],
    ['job', job],
  ];
  const of = (job: string): Uint8Array => {
    const labels: LabelSet = [
      ['__name__', 'up'],
      ['job', job],
    ];
    return fingerprintOf('default', labels).slice(0, 8);
  };
  const windowOf = (job: string, minute: number) => {
    return { edition, seriesId: of(job), widthUs: MINUTE_US, startUs: minute * MINUTE_US };
  };
  const windows = [windowOf('x', 1), windowOf('x', 2), windowOf('x', 9), windowOf('y', 4)];
  const wanted = new WantedWindows([{ edition, rules }], new Map(windows.entries()));
  const intervals = (job: string, host: string): Float64Array | undefined => {
    const labels = up(job, host);
    return wanted.of('default', fingerprintOf('default', labels), labels)?.intervals;
  };
  expect(intervals('x', 'one')).toEqual(Float64Array.of(1, 3, 9, 10).map((at) => at * MINUTE_US));
  expect(intervals('x', 'two')).toBe(intervals('x', 'one'));
  expect(intervals('y', 'one')).toEqual(Float64Array.of(4, 5).map((at) => at * MINUTE_US));
  expect(intervals('z', 'one')).toBeUndefined();
});
