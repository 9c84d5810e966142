import { decodeWriteRequest, uncompressSnappy } from '@millrace/wire';
import { expect, test } from 'vitest';
import { OTHER_PAYLOADS } from './other-payloads.ts';

const FIRST_TIME_MS = 1_750_000_000_000;

/** Series that came in so many requests, with how many samples and histograms. */
function decoded(name: string, requests: number): { series: number; samples: number } {
  const series = new Set<string>();
  let samples = 0;
  const none = (): undefined => undefined;
  for (let number = 0; number < requests; number += 1) {
    const { body } = OTHER_PAYLOADS[name]!.request(number, FIRST_TIME_MS);
    const plain = uncompressSnappy(body, 1 << 24);
    decodeWriteRequest(plain, {
      series: (bytes, start, end) => {
        series.add(Buffer.from(bytes.subarray(start, end)).toString('latin1'));
      },
      expect: () => -1,
      expectedSeries: none,
      sample: () => void (samples += 1),
      histogram: () => void (samples += 1),
      invalidHistogram: () => expect.fail('a histogram is invalid'),
      exemplar: none,
      metadata: none,
    });
  }
  return { series: series.size, samples };
}

test('of the series that churn a tenth are new ones after a minute of their time', () => {
  expect(decoded('churn', 20)).toEqual({ series: 10_000, samples: 10_000 });
  // 60 steps of 20 requests each.
  const { series } = decoded('churn', 61 * 20);
  expect(series).toBeGreaterThanOrEqual(10_990);
  expect(series).toBeLessThanOrEqual(11_010);
});

test('histograms are valid, and one of each series comes in a step', () => {
  expect(decoded('histograms', 30)).toEqual({ series: 1000, samples: 3000 });
});

test('events name what they are aggregated by', () => {
  const { body, headers } = OTHER_PAYLOADS['events']!.request(3, FIRST_TIME_MS);
  const list = JSON.parse(Buffer.from(body).toString()) as { labels: Record<string, string> }[];
  expect(list).toHaveLength(OTHER_PAYLOADS['events']!.samplesPerRequest);
  expect(list.every(({ labels }) => labels['shop'] !== undefined)).toBe(true);
  expect(headers['Idempotency-Key']).toBe('bench-3');
});
