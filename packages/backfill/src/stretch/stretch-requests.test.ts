import { SampleKind } from '@millrace/model';
import { decodeBatch, isStale } from '@millrace/wire';
import { expect, it } from 'vitest';
import { FileSeries, nameLabel, SeriesCache } from '../read/file-series.ts';
import { StretchCollector } from './stretch-collector.ts';
import { REQUEST_DEFAULTS, stretchRequests } from './stretch-requests.ts';
import type { Stretch } from './stretch.ts';

function stretchOf(samples: readonly [series: string, timeUs: number, value: number][]): Stretch {
  const collector = new StretchCollector({ samplesMax: 2, labelBytesMax: 1e9 }, 5);
  const series = new Map<string, FileSeries>();
  for (const [name, timeUs, value] of samples) {
    const one = series.get(name) ?? new FileSeries([nameLabel(name)], SampleKind.unknown);
    series.set(name, one);
    collector.sample(one, timeUs, value, value === 99);
  }
  return collector.recordEnd({ offset: 9, line: 9 })!;
}

it('come by series and time, equal times in the order of the file, with their own labels', () => {
  const stretch = stretchOf([
    ['b', 3, 1],
    ['a', 2, 2],
    ['b', 1, 3],
    ['b', 3, 99],
    ['a', 1, 5],
  ]);
  const settings = { ...REQUEST_DEFAULTS, samplesMax: 3 };
  const told = [...stretchRequests(stretch, { digest: 'd'.repeat(64), settings })].map((one) => {
    const { samples, columns, table, producer, sequence, session } = decodeBatch(one.body);
    const { view, seriesAt, timesAt, isOneTime, valuesAt } = columns;
    expect(producer).toBe(`backfill/${'d'.repeat(32)}`);
    expect([sequence, session.length]).toEqual([5, 16]);
    return Array.from({ length: samples }, (_, i) => {
      const number = view.getUint32(seriesAt + 4 * i, true);
      expect(table!.kindOf(number)).toBe(SampleKind.unknown);
      const time = Number(view.getBigInt64(timesAt + (isOneTime ? 0 : 8 * i), true));
      const stale = isStale(view, valuesAt + 8 * i);
      return [
        table!.labelsOf(number)[0]![1],
        time,
        stale ? 'stale' : view.getFloat64(valuesAt + 8 * i, true),
      ];
    });
  });
  expect(told).toEqual([
    [
      ['b', 1, 3],
      ['b', 3, 1],
      ['b', 3, 'stale'],
    ],
    [
      ['a', 1, 5],
      ['a', 2, 2],
    ],
  ]);
});

it('are the same wherever reading began, and whatever is forgotten of series meanwhile', () => {
  const lines = Array.from(
    { length: 40 },
    (_, i) => ['a', 'b', 'c', 'd'][((i * i) % 4) ^ (i % 3)]!,
  );
  const bodies = (seriesMax: number): string[] => {
    const cache = new SeriesCache({ seriesMax, bytesMax: 1e9 });
    const collector = new StretchCollector({ samplesMax: 1000, labelBytesMax: 1e9 }, 0);
    for (const [i, name] of lines.entries()) {
      const kind = SampleKind.gauge;
      const series = cache.find(name) ?? cache.add(name, [nameLabel(name)], kind);
      collector.sample(series, i, i, false);
    }
    const settings = { ...REQUEST_DEFAULTS, samplesMax: 7 };
    const stretch = collector.end({ offset: 9, line: 9 })!;
    const requests = stretchRequests(stretch, { digest: 'd'.repeat(64), settings });
    return [...requests].map(({ body }) => Buffer.from(body).toString('hex'));
  };
  expect(bodies(3)).toEqual(bodies(100));
  expect(bodies(1)).toEqual(bodies(100));
});
