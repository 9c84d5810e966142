import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { libraryValuesOf } from './bucket-counts.ts';
import { createMeter } from './meter.ts';

test('what a gauge forgets is shown no longer, and the rest is', async () => {
  const meter = createMeter();
  const lag = meter.gauge({ name: 'lag_ms', help: 'Behind.', labels: ['partition'] });
  for (const partition of [0, 1]) lag.set(5, { partition });
  lag.forget({ partition: 0 });
  lag.forget({ partition: 7 });
  expect(await meter.measurements()).toEqual([
    { name: 'lag_ms', labels: { partition: '1' }, value: 5, kind: 'gauge' },
  ]);
  lag.set(6, { partition: 0 });
  expect(await meter.exposition()).toContain('lag_ms{partition="0"} 6');
});

test('a histogram shows what the library itself would, however often it is looked at', async () => {
  const buckets = [0.0005, 0.001, 0.25, 1, 30];
  const help = 'How long it took.';
  const meter = createMeter();
  const ours = meter.histogram({ name: 'took_seconds', help, buckets });
  const register = new Registry();
  const theirs = new Histogram({ name: 'took_seconds', help, buckets, registers: [register] });
  expect(await meter.exposition()).toBe(await register.metrics());
  const values = [0, 0.0005, 0.0006, 0.2, 0.25, 1, 1.5, 30, 31, 1e9];
  for (const value of [...values, ...values, -1]) {
    ours.observe(value);
    theirs.observe(value);
    expect(await meter.exposition()).toBe(await register.metrics());
  }
  for (const value of values) [ours, theirs].forEach((histogram) => histogram.observe(value));
  expect(await meter.exposition()).toBe(await register.metrics());
  expect(await meter.measurements()).toContainEqual({
    ...{ name: 'took_seconds_bucket', labels: { le: '0.25' }, value: 16, kind: 'cumulative' },
  });
  expect(() => ours.observe(Number.NaN)).toThrow('NaN');
});

test('the library keeps the values of a histogram where they are added', () => {
  const buckets = [0.5, 1];
  const register = new Registry();
  const histogram = new Histogram({
    name: 'took_seconds',
    help: 'It.',
    buckets,
    registers: [register],
  });
  histogram.observe(0.7);
  expect(libraryValuesOf(histogram)).toMatchObject({
    ...{ bucketValues: { 0.5: 0, 1: 1 }, sum: 0.7, count: 1 },
  });
  for (const hashMap of [undefined, {}, { '': { count: 1, sum: 1 } }]) {
    expect(() => libraryValuesOf({ hashMap } as unknown as Histogram)).toThrow('prom-client');
  }
});
