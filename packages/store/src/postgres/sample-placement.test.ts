import { describe, expect, it } from 'vitest';
import { NOON_US, samplesOf, SECOND_US, seriesOf } from '../testing/entries.ts';
import { HeadSamples } from './head-samples.ts';
import type { SampleHead } from './sample-heads.ts';
import { PACKING_DEFAULTS, placeSamples, type Placement } from './sample-placement.ts';
import type { SampleRows } from './sample-rows.ts';

describe('samples in the head', () => {
  it('wait for no longer because the clock was set back', () => {
    const head = emptyHead();
    const settings = { ...PACKING_DEFAULTS, headMsMax: 10_000 };
    const place = (second: number): Placement['kind'] =>
      placeSamples({ head, rows: rowsOf(1), settings, nowUs: NOON_US + second * SECOND_US }).kind;
    expect(place(0)).toBe('head');
    expect(place(-3600)).toBe('head');
    expect(place(-3591)).toBe('head');
    expect(place(-3590)).toBe('packed');
  });
});

function emptyHead(): SampleHead {
  return { version: 0, samples: new HeadSamples(), sinceUs: undefined };
}

/** So many samples of as many series. */
function rowsOf(count: number): SampleRows {
  const none = new Uint32Array(0);
  const samples = samplesOf(
    Array.from({ length: count }, (_, i) => ({
      ...{ series: seriesOf('s', { i: String(i) }), timeUs: NOON_US, value: i },
    })),
  );
  const verified = Uint32Array.from({ length: count }, (_, i) => i);
  return { samples, verified, unverified: none, untimely: none };
}
