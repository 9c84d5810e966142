import { MillraceError } from '@millrace/runtime';
import type { DeadLetter } from '@millrace/store';
import { describe, expect, test } from 'vitest';
import { redriveLetters, type RedriveParts } from './redrive-letters.ts';

const HOUR_US = 3_600_000_000;
const NOW_US = 1_800_000_000_000_000;

const letter = (id: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  id: String(id),
  recordedAtUs: NOW_US - HOUR_US,
  logId: 'ab',
  partition: 0,
  source: 'live',
  entry: 'sample',
  tenant: 'default',
  reason: 'store_refused',
  detail: '',
  seriesId: '5',
  metric: 'up',
  labels: { job: 'a' },
  kind: 'gauge',
  timeUs: 5,
  value: 1.5,
  receivedAtUs: null,
  payload: { flags: 0 },
  redriveStartedAtUs: null,
  redrivenAtUs: null,
  redriveToken: null,
  ...more,
});

/** Everything that was asked, in order. */
function bench(answer: (key: string) => Promise<string> = async (key) => `token of ${key}`) {
  const calls: unknown[] = [];
  const parts: RedriveParts = {
    begin: async (ids) => void calls.push(['begin', ids.length]),
    send: async ({ key, tenant, letter: body }) => {
      calls.push(['send', key, body, tenant]);
      return await answer(key);
    },
    mark: async (sent) => void calls.push(['mark', sent.length]),
    nowUs: () => NOW_US,
    progress: () => undefined,
  };
  return { calls, parts };
}

describe('redriving', () => {
  test('notes a letter, sends it under a key of its own, and marks it, in this order', async () => {
    const { calls, parts } = bench();
    expect(await redriveLetters(parts, [letter(7)])).toEqual([
      { id: '7', outcome: 'redriven', token: 'token of redrive/ab/7' },
    ]);
    const body = { labels: { __name__: 'up', job: 'a' }, kind: 'gauge', timeUs: 5, value: '1.5' };
    expect(calls).toEqual([
      ['begin', 1],
      ['send', 'redrive/ab/7', body, 'default'],
      ['mark', 1],
    ]);
  });

  test('sends one for the tenant it is of', async () => {
    const { calls, parts } = bench();
    await redriveLetters(parts, [letter(7, { tenant: 'acme' })]);
    expect(calls[1]).toMatchObject(['send', 'redrive/ab/7', {}, 'acme']);
  });

  test('sends every value there is, stale markers and histograms', async () => {
    const { calls, parts } = bench();
    await redriveLetters(parts, [
      letter(1, { value: -0 }),
      letter(2, { value: NaN }),
      letter(3, { value: -Infinity }),
      letter(4, { value: NaN, payload: { flags: 1 } }),
      letter(5, { entry: 'histogram', value: null, payload: { flags: 0, histogram: '0102' } }),
      letter(6, { entry: 'unverified sample', payload: { flags: 32 } }),
    ]);
    const bodies = calls.flatMap((call) =>
      Array.isArray(call) && call[0] === 'send' ? [call[2]] : [],
    );
    expect(bodies).toMatchObject([
      { value: '-0' },
      { value: 'NaN' },
      { value: '-Infinity' },
      { value: 'NaN', stale: true },
      { value: '0', histogram: '0102' },
      { value: '1.5' },
    ]);
    expect(bodies[1]).not.toHaveProperty('stale');
  });

  test('says of each that cannot be sent why not, and sends the others', async () => {
    const { calls, parts } = bench();
    const results = await redriveLetters(parts, [
      letter(1, { entry: 'definition' }),
      letter(2, { entry: 'window' }),
      letter(3, { entry: 'edition_end' }),
      letter(4, { metric: null, labels: null, kind: null }),
      letter(5, { timeUs: null }),
      letter(7, { kind: 'event', redriveStartedAtUs: NOW_US - 6 * HOUR_US }),
      letter(8, { kind: 'event', redriveStartedAtUs: NOW_US - HOUR_US }),
      letter(9, { redriveStartedAtUs: NOW_US - 600 * HOUR_US }),
      letter(10, { entry: 'histogram', payload: null }),
    ]);
    const why = new Map(results.map((one) => [one.id, one.why]));
    expect(results.filter(({ outcome }) => outcome === 'redriven').map(({ id }) => id)).toEqual([
      '8',
      '9',
    ]);
    expect(why.get('1')).toMatch('defined again daily');
    expect(why.get('2')).toMatch('computed from samples');
    expect(why.get('3')).toBe('a edition_end is no sample');
    expect(why.get('4')).toMatch('its series is not defined');
    expect(why.get('5')).toMatch('no time');
    expect(why.get('7')).toMatch('would not recognise it');
    expect(why.get('10')).toMatch('bytes are not there');
    expect(calls.filter((call) => Array.isArray(call) && call[0] === 'send')).toHaveLength(2);
  });

  test('goes on after one that is refused, and stops when nobody answers', async () => {
    const failure = (kind: 'permanent' | 'transient') =>
      new MillraceError({ code: `IT_IS_${kind.toUpperCase()}`, kind, message: 'No.' });
    const { calls, parts } = bench(async (key) => {
      if (key === 'redrive/ab/3') throw failure('permanent');
      if (key === 'redrive/ab/20') throw failure('transient');
      return 'token';
    });
    const letters = Array.from({ length: 50 }, (_, i) => letter(i + 1));
    const results = await redriveLetters(parts, letters);
    const of = (outcome: string) => results.filter((one) => one.outcome === outcome);
    expect(of('refused')).toEqual([{ id: '3', outcome: 'refused', why: 'IT_IS_PERMANENT: No.' }]);
    // Those beside it were under way already; what comes behind is not begun.
    expect(of('redriven')).toHaveLength(30);
    expect(of('not_sent').map(({ id }) => Number(id))).toEqual([
      20,
      ...Array.from({ length: 18 }, (_, i) => 33 + i),
    ]);
    const begun = calls.filter((call) => Array.isArray(call) && call[0] !== 'send');
    expect(begun).toEqual([
      ['begin', 16],
      ['mark', 15],
      ['begin', 16],
      ['mark', 15],
    ]);
  });
});
