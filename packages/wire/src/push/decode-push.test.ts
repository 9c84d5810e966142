import { encode } from '@msgpack/msgpack';
import { SampleKind, type Label } from '@millrace/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PushFormat, PushSample } from './push-sink.ts';
import { decodeAll } from './testing/recording-push-sink.ts';

const FORMATS: PushFormat[] = ['json', 'ndjson', 'msgpack'];

/** Samples as objects, in the form that a client sends most naturally. */
function encodeSamples(format: PushFormat, samples: unknown[]): string | Uint8Array {
  if (format === 'json') return JSON.stringify(samples);
  if (format === 'msgpack') return encode(samples);
  return samples.map((sample) => JSON.stringify(sample)).join('\n');
}

function gauge(name: string, value: number, more: Partial<PushSample> = {}): PushSample {
  const labels: Label[] = [['__name__', name]];
  const absent = { timeUs: undefined, id: undefined, refusal: undefined };
  return { name, labels, value, kind: SampleKind.gauge, ...absent, ...more };
}

const ID = expect.stringContaining('has an id') as string;

describe.each(FORMATS)('%s', (format) => {
  test('gives back what was sent', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 });
    const label = text.filter((name) => name !== '__name__' && !name.includes('\0'));
    const sent = fc.record({
      name: text,
      value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      labels: fc.dictionary(label, text, { maxKeys: 6 }),
      // Smaller ones may be seconds, which are refused.
      time: fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 4_200_000_001, max: 1.8e12 })),
      kind: fc.constantFrom('gauge', 'cumulative', 'delta', 'event'),
      id: text,
    });
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 5 }), (samples) => {
        const told = decodeAll(encodeSamples(format, samples), format);
        expect(told).toEqual(
          samples.map((sample) => ({
            name: sample.name,
            value: sample.value,
            labels: expect.toSatisfy((labels: Label[]) => {
              const pairs = [...Object.entries(sample.labels), ['__name__', sample.name]];
              expect(labels).toHaveLength(pairs.length);
              expect(labels).toEqual(expect.arrayContaining(pairs));
              const names = labels.map(([name]) => Buffer.from(name));
              expect(names).toEqual(names.toSorted((a, b) => Buffer.compare(a, b)));
              return true;
            }),
            timeUs: sample.time * 1000,
            kind: SampleKind[sample.kind],
            id: sample.id,
            ...(sample.kind === 'event' ? {} : { refusal: { reason: 'invalid_id', detail: ID } }),
          })),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a sample needs only a name and a value', () => {
    const told = decodeAll(encodeSamples(format, [{ name: 'up', value: 1 }]), format);
    expect(told).toEqual([gauge('up', 1)]);
  });

  test('words that mean something to JavaScript are ordinary labels', () => {
    // JSON.parse makes an own property of __proto__, an object literal would not.
    const labels = '{"__proto__":"a","constructor":"b","toString":"c","prototype":"d"}';
    const json = `{"name":"hasOwnProperty","value":1,"labels":${labels}}`;
    const body = format === 'msgpack' ? encode(JSON.parse(json)) : json;
    expect(decodeAll(body, format)).toEqual([
      gauge('hasOwnProperty', 1, {
        labels: [
          ['__name__', 'hasOwnProperty'],
          ['__proto__', 'a'],
          ['constructor', 'b'],
          ['prototype', 'd'],
          ['toString', 'c'],
        ],
      }),
    ]);
    expect(Object.prototype).not.toHaveProperty('a');
  });

  test('labels that look like __proto__ in disguise stay themselves', () => {
    const labels = { $__proto__: 'a', $$__proto__: 'b', __proto__$: 'c', ___proto__: 'd' };
    const told = decodeAll(encodeSamples(format, [{ name: 'a', value: 1, labels }]), format);
    expect(told).toMatchObject([{ labels: expect.arrayContaining(Object.entries(labels)) }]);
  });

  test('the field __proto__ is an unknown field and gives the sample nothing', () => {
    const json = '{"__proto__":{"name":"x","value":1},"value":1}';
    const body = format === 'msgpack' ? encode(JSON.parse(json)) : json;
    expect(decodeAll(body, format)).toMatchObject([
      { reason: 'unknown_field', detail: 'the field is "__proto__"' },
    ]);
  });

  test('a sample that is refused does not keep the others', () => {
    const samples = [{ name: 'a', value: 1 }, { name: 'b' }, 7, { name: 'c', value: 3 }];
    expect(decodeAll(encodeSamples(format, samples), format)).toMatchObject([
      gauge('a', 1),
      { reason: 'missing_value' },
      { reason: 'not_an_object', detail: 'the sample is the number 7' },
      gauge('c', 3),
    ]);
  });

  const values: [sent: unknown, value: number][] = [
    ['NaN', Number.NaN],
    ['Inf', Number.POSITIVE_INFINITY],
    ['+Inf', Number.POSITIVE_INFINITY],
    ['-Inf', Number.NEGATIVE_INFINITY],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    [0, 0],
    [-1.5e-300, -1.5e-300],
    [2 ** 53, 2 ** 53],
  ];
  test.each(values)('the value %j is %d', (sent, value) => {
    const told = decodeAll(encodeSamples(format, [{ name: 'a', value: sent }]), format);
    expect(told).toEqual([gauge('a', value)]);
  });

  const refused: [reason: string, detail: string, fields: object][] = [
    ['missing_name', 'there is no field name', { name: undefined }],
    ['invalid_name', 'the name is empty', { name: '' }],
    ['invalid_name', 'the name is the number 1', { name: 1 }],
    ['invalid_name', 'the name is null', { name: null }],
    ['name_too_long', `the name "${'n'.repeat(48)}"… (257`, { name: 'n'.repeat(257) }],
    ['missing_value', 'there is no field value', { value: undefined }],
    ['invalid_value', 'the value is null', { value: null }],
    ['invalid_value', 'the value is of type boolean', { value: true }],
    ['invalid_value', 'the value is the string "1"', { value: '1' }],
    ['invalid_value', 'the value is the string "nan"', { value: 'nan' }],
    ['invalid_value', 'the value is of type object', { value: [1] }],
    ['invalid_label_value', 'labels is an array', { labels: [] }],
    ['invalid_label_value', 'labels is null', { labels: null }],
    ['invalid_label_value', 'the value of label "a" is the number 1', { labels: { a: 1 } }],
    ['invalid_label_value', 'the value of label "a" is null', { labels: { a: null } }],
    ['invalid_label_value', 'the value of label "a" is an object', { labels: { a: {} } }],
    ['invalid_label_name', 'labels has a label __name__', { labels: { __name__: 'x' } }],
    ['invalid_label_name', 'a label name is empty', { labels: { '': 'x' } }],
    ['nul_in_label', 'the label is "a" = "\\u0000"', { labels: { a: '\0' } }],
    ['label_value_too_long', 'the value of label "a"', { labels: { a: 'v'.repeat(1025) } }],
    ['too_many_labels', 'the series has 65 labels', { labels: manyLabels(65) }],
    ['invalid_time', 'the time is "tomorrow"', { time: 'tomorrow' }],
    ['invalid_time', 'the time is null', { time: null }],
    [
      'time_out_of_range',
      'the time is 1750000000000000, which are microseconds and not milliseconds',
      { time: 1.75e15 },
    ],
    ['unknown_kind', 'the kind is "guage"; did you mean gauge?', { kind: 'guage' }],
    ['unknown_kind', 'the kind is "unknown"', { kind: 'unknown' }],
    ['unknown_kind', 'the kind is the number 1', { kind: 1 }],
    ['invalid_id', 'the id is empty', { id: '' }],
    ['invalid_id', 'the id is the number 1.5', { id: 1.5 }],
    ['invalid_id', 'the id is null', { id: null }],
    ['invalid_id', 'the id "xxx', { id: 'x'.repeat(257) }],
    ['invalid_id', 'the id is "a\\u0000"', { id: 'a\0' }],
    ['unknown_field', 'the field is "lables"; did you mean labels?', { lables: {} }],
    ['unknown_field', 'the field is "timestamp"; did you mean time?', { timestamp: 1 }],
    ['unknown_field', 'the field is "Value"; did you mean value?', { Value: 1 }],
    ['unknown_field', 'the field is "host"', { host: 'a' }],
    ['unknown_field', 'the field is ""', { '': 'a' }],
  ];
  test.each(refused)('%s: %s', (reason, detail, fields) => {
    const body = encodeSamples(format, [withoutUndefined({ name: 'a', value: 1, ...fields })]);
    expect(decodeAll(body, format)).toEqual([{ reason, detail: expect.stringContaining(detail) }]);
  });

  test('labels with empty values are absent, and a numeric id is its text', () => {
    const sent = [{ name: 'a', value: 1, labels: { x: '', y: '1' }, id: 17, kind: 'event' }];
    expect(decodeAll(encodeSamples(format, sent), format)).toEqual([
      gauge('a', 1, {
        labels: [
          ['__name__', 'a'],
          ['y', '1'],
        ],
        id: '17',
        kind: SampleKind.event,
      }),
    ]);
  });

  test('an id that nobody would look at is told', () => {
    const kinds = [undefined, 'counter', 'delta'];
    const sent = kinds.map((kind) => withoutUndefined({ name: 'a', value: 1, id: 'x', kind }));
    const details = decodeAll(encodeSamples(format, sent), format).map((one) => {
      return 'refusal' in one ? one.refusal : one;
    });
    const shown = ['has no kind, which makes it a gauge', 'is a counter', 'is a delta'];
    expect(details).toEqual(
      shown.map((what) => ({ reason: 'invalid_id', detail: `the sample has an id and ${what}` })),
    );
  });

  test('limits are the caller’s', () => {
    const body = encodeSamples(format, [{ name: 'a', value: 1, labels: { x: 'abcd' } }]);
    expect(decodeAll(body, format, { labelValueBytesMax: 3 })).toMatchObject([
      { reason: 'label_value_too_long' },
    ]);
    expect(decodeAll(body, format, { sampleBytesMax: 10 })).toMatchObject([
      { reason: 'sample_too_large' },
    ]);
  });
});

function manyLabels(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x']));
}

/** MessagePack has no `undefined`: it would be sent as nil. */
function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
