import { sortLabels, type LabelSet } from '@millrace/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DefinitionReader, encodeDefinitions, metricOf } from './definitions.ts';

const text = fc.string({ unit: 'binary', maxLength: 8 });
const labelSet = fc
  .dictionary(text, text, { maxKeys: 6, noNullPrototype: true })
  .map((labels): LabelSet => sortLabels(Object.entries(labels)));

describe('definitions', () => {
  it('read back in any order, each label set for itself', () => {
    fc.assert(
      fc.property(fc.array(labelSet, { maxLength: 8 }), (series) => {
        const reader = new DefinitionReader(encodeDefinitions(series));
        for (let s = series.length - 1; s >= 0; s -= 1) expect(reader.labels(s)).toEqual(series[s]);
      }),
    );
  });

  it('of some series leave the others undefined', () => {
    fc.assert(
      fc.property(fc.array(fc.option(labelSet), { maxLength: 8 }), (series) => {
        const rows = [...series.keys()].filter((s) => series[s] !== null);
        const given = rows.map((s) => series[s]!);
        const reader = new DefinitionReader(encodeDefinitions(given, Uint32Array.from(rows)));
        for (const [s, labels] of series.entries()) {
          expect(reader.labels(s)).toEqual(labels ?? undefined);
        }
        expect(reader.labels(series.length)).toBeUndefined();
      }),
    );
    expect(() => new DefinitionReader(encodeDefinitions([])).definedLabels(0)).toThrow(
      expect.objectContaining({ code: 'WIRE_CORRUPT' }),
    );
  });

  it('name the metric', () => {
    expect(metricOf([['__name__', 'up']])).toBe('up');
    expect(metricOf([['job', 'a']])).toBe('');
  });
});
