import type { Label } from '@millrace/model';
import { compressSnappy, encodeWriteRequest } from '@millrace/wire';
import { expect, test } from 'vitest';
import { startCountingSink } from './counting-sink.ts';

test('a sink adds up the values of metrics, from request to request', async () => {
  const sink = await startCountingSink();
  try {
    for (const [metric, value] of [
      ['a:5s_count_samples', 3],
      ['a:5s_count_samples', 4],
      ['a:5s_sum_samples', 100],
      ['b:5s_count_samples', 1000],
    ] as const) {
      const labels: Label[] = [['__name__', metric]];
      const plain = encodeWriteRequest([{ labels, samples: [[1_750_000_000_000, value]] }]);
      const body = Uint8Array.from(compressSnappy(Uint8Array.from(plain)));
      expect((await fetch(sink.url, { method: 'POST', body })).status).toBe(204);
    }
    expect(sink.sumOf('a', 'count_samples')).toBe(7);
  } finally {
    await sink.close();
  }
});
