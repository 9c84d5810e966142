import { expect, test } from 'vitest';
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
