import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { RecordLayouts } from './record-layouts.ts';

/** Of series that these numbers stand for. */
function fingerprints(...series: number[]): Uint8Array {
  return new Uint8Array(Buffer.concat(series.map((one) => Buffer.alloc(16, one))));
}

it('knows the series of a record again, and keeps none that others took the place of', async () => {
  const layouts = new RecordLayouts();
  const first = layouts.of(fingerprints(1, 2));
  const made = Array.from({ length: 100 }, (_, i) => {
    return new WeakRef(layouts.of(fingerprints(3, ...Array.from({ length: i }, () => 4))));
  });
  expect(layouts.of(fingerprints(1, 2))).toBe(first);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const alive = (): number => {
    collect();
    return made.filter((one) => one.deref() !== undefined).length;
  };
  await expect.poll(alive).toBeLessThanOrEqual(2);
  expect(layouts.of(fingerprints(1, 2))).toBe(first);
});
