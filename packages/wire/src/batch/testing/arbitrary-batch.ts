import type { Label, SampleKind } from '@millrace/model';
import fc from 'fast-check';
import type { BatchFields } from '../encode-batch.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const labels = fc.array(fc.tuple(text, text) as fc.Arbitrary<Label>, { maxLength: 4 });
const kind = fc.nat({ max: 4 }) as fc.Arbitrary<SampleKind>;

const table = fc
  .record({
    first: fc.nat(),
    labels: fc.array(labels, { maxLength: 4 }),
    kind,
    perSeries: fc.boolean(),
  })
  .chain(({ first, labels: sets, kind: one, perSeries }) => {
    const { length } = sets;
    return fc.array(kind, { minLength: length, maxLength: length }).map((kinds) => {
      return { first, labels: sets, kinds: perSeries ? kinds : [one] };
    });
  });

/** Any batch that can be written, whatever a receiver would say to its labels and times. */
export const arbitraryBatch: fc.Arbitrary<BatchFields> = fc
  .record({
    producer: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    session: fc.uint8Array({ minLength: 8, maxLength: 64 }),
    sequence: fc.maxSafeNat(),
    table: fc.option(table, { nil: undefined }),
    samples: fc.array(
      fc.record({
        series: fc.nat({ max: 2 ** 32 - 1 }),
        timeUs: fc.maxSafeInteger(),
        value: fc.double(),
      }),
      { minLength: 1, maxLength: 20 },
    ),
    namesSeries: fc.boolean(),
    isOneTime: fc.boolean(),
  })
  .map(({ producer, session, sequence, table: told, samples, namesSeries, isOneTime }) => ({
    ...{ producer, session, sequence },
    ...(told === undefined ? {} : { table: told }),
    ...(namesSeries ? { series: Uint32Array.from(samples, ({ series }) => series) } : {}),
    timesUs: (isOneTime ? samples.slice(0, 1) : samples).map(({ timeUs }) => timeUs),
    values: Float64Array.from(samples, ({ value }) => value),
  }));
