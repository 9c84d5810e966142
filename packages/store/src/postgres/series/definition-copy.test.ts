import { METRIC_NAME_LABEL, type LabelSet } from '@millrace/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { definitionOf, NOON_US } from '../../testing/entries.ts';
import { BinaryWriter } from '../connection/binary-writer.ts';
import { encodeDefinitionCopy, labelsJson } from './definition-copy.ts';

const HEAD_BYTES = 19;

/** The columns of the first row, as text. */
function columnsOf(labels: LabelSet): string[] {
  const { fingerprint, tenant, kind } = definitionOf('up');
  const definition = { fingerprint, tenant, labels, kind, firstUs: NOON_US, lastUs: NOON_US };
  const portions = [...encodeDefinitionCopy(new BinaryWriter(1), [definition])];
  const bytes = Buffer.concat(portions);
  const columns: string[] = [];
  let at = HEAD_BYTES + 2;
  for (let i = bytes.readInt16BE(HEAD_BYTES); i > 0; i -= 1) {
    const length = bytes.readInt32BE(at);
    columns.push(bytes.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  expect(bytes.readInt16BE(at)).toBe(-1);
  expect(bytes.length).toBe(at + 2);
  return columns;
}

it('writes labels as JSON, whatever is in them, and the name beside them', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), text, (pairs, metric) => {
      const labels: LabelSet = [[METRIC_NAME_LABEL, metric], ...pairs];
      const [, , , name, json] = columnsOf(labels);
      expect(name).toBe(metric);
      expect(json).toBe(`\u0001${labelsJson(labels)}`);
      expect(JSON.parse(json!.slice(1))).toEqual(Object.fromEntries(pairs));
    }),
  );
});

it('writes no labels as an empty object', () => {
  expect(columnsOf([])[4]).toBe('\u0001{}');
});
