import { encode } from '@msgpack/msgpack';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../samples/decode-error.ts';
import type { RejectReason } from '../samples/reject-reasons.ts';
import type { PushFormat } from './push-sink.ts';
import { decodeAll } from './testing/recording-push-sink.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

/** Why a request is refused as a whole; anything but a DecodeError fails the test. */
function refusal(body: string | Uint8Array, format: PushFormat): RejectReason | undefined {
  try {
    decodeAll(body, format);
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

test.each(['json', 'ndjson'] as const)('gzip that no header names is told in %s', (format) => {
  expect(refusal(gzipSync('{"name":"a","value":1}'), format)).toBe('unsupported_encoding');
});

const SAMPLE = '{"name":"a","value":1}';
/** {name: "a", value: 1} */
const PACKED = '82 a46e616d65 a161 a576616c7565 01';

describe('JSON', () => {
  const shapes: [body: string, samples: number][] = [
    [SAMPLE, 1],
    [` \n\t\r${SAMPLE}\n`, 1],
    [`\uFEFF${SAMPLE}`, 1],
    [`[${SAMPLE}]`, 1],
    [` [ ${SAMPLE} , ${SAMPLE} ] `, 2],
    [`{"samples":[${SAMPLE},${SAMPLE}]}`, 2],
    [` { "samples" : [ ${SAMPLE} ] } `, 1],
    ['{"name":"}]{[\\"\\\\","value":1}', 1],
    ['{"value":1,"name":"samples"}', 1],
    ['[{"name":"a","value":1e0,"labels":{"\\u0061":"\\n"}}]', 1],
  ];
  test.each(shapes)('%j is read', (body, samples) => {
    const told = decodeAll(body, 'json');
    expect(told).toHaveLength(samples);
    for (const sample of told) expect(sample).toHaveProperty('value', 1);
  });

  const cases: [reason: RejectReason, body: string][] = [
    ['empty_request', ''],
    ['empty_request', ' \n '],
    ['empty_request', '[]'],
    ['empty_request', '{"samples":[ ]}'],
    ['malformed_json', '{'],
    ['malformed_json', '['],
    ['malformed_json', '[1'],
    ['malformed_json', '[,]'],
    ['malformed_json', `[${SAMPLE},]`],
    ['malformed_json', `[${SAMPLE}${SAMPLE}]`],
    ['malformed_json', `[${SAMPLE}}`],
    ['malformed_json', `[${SAMPLE}`],
    ['malformed_json', `${SAMPLE}${SAMPLE}`],
    ['malformed_json', `${SAMPLE}\n${SAMPLE}`],
    ['malformed_json', `${SAMPLE},`],
    ['malformed_json', ']'],
    ['malformed_json', '{"name":"a","value":1,}'],
    ['malformed_json', '{"name":"a" "value":1}'],
    ['malformed_json', '{"name" "a"}'],
    ['malformed_json', '{"name":}'],
    ['malformed_json', "{'name':'a','value':1}"],
    ['malformed_json', '{name:"a",value:1}'],
    ['malformed_json', '{"name":"a","value":NaN}'],
    ['malformed_json', '{"name":"a","value":01}'],
    ['malformed_json', '{"name":"a","value":[1}]'],
    ['malformed_json', '{"name":"a'],
    ['malformed_json', '{"name":"a\\"'],
    ['malformed_json', '{"name":"\u0001","value":1}'],
    ['malformed_json', '{"name":"\\x","value":1}'],
    ['malformed_json', 'name=a value=1'],
    ['malformed_json', '\0'],
    ['malformed_json', '{"samples":[],"samples":[]}'],
    ['unknown_field', `{"samples":[${SAMPLE}],"tenant":"x"}`],
    ['not_an_object', `{"samples":${SAMPLE}}`],
    ['too_deep', `${'['.repeat(100_000)}`],
    ['too_deep', `[${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}]`],
    ['too_deep', `{"labels":${'['.repeat(10)}${']'.repeat(10)}}`],
  ];
  test.each(cases)('%s: %j', (reason, body) => {
    expect(refusal(body, 'json')).toBe(reason);
  });

  test.each(['7', '"a"', 'null', 'true', '[1,2]'])('%s is rejected sample by sample', (body) => {
    for (const sample of decodeAll(body, 'json')) {
      expect(sample).toHaveProperty('reason', 'not_an_object');
    }
  });

  test('a value too large for a float64 is rejected, for it was not infinite', () => {
    expect(decodeAll('{"name":"a","value":1e999}', 'json')).toMatchObject([
      { reason: 'invalid_value' },
    ]);
  });

  test('half of a surrogate pair is no text', () => {
    expect(decodeAll('{"name":"\\ud800","value":1}', 'json')).toMatchObject([
      { reason: 'invalid_utf8' },
    ]);
  });

  test('bytes that are not UTF-8 are refused, wherever they stand', () => {
    for (const bytes of ['22ff22', '5b5dff', 'eda080', 'c080']) {
      expect(refusal(hex(bytes), 'json')).toBe('invalid_utf8');
    }
  });
});

describe('NDJSON', () => {
  test('keeps every line that can be read, and blank lines are none', () => {
    const lines = [
      SAMPLE,
      '',
      '  \r',
      `${SAMPLE}\r`,
      '{"name":',
      `[${SAMPLE}]`,
      SAMPLE,
      SAMPLE + SAMPLE,
    ];
    const body = Buffer.concat([
      Buffer.from(`\uFEFF${lines.join('\n')}\n`),
      hex('7b226e616d65223a22ff227d 0a'),
      Buffer.from('[[[[[[[[[1]]]]]]]]]\n'),
      Buffer.from(SAMPLE),
    ]);
    expect(decodeAll(body, 'ndjson')).toMatchObject([
      { value: 1 },
      { value: 1 },
      { reason: 'malformed_json', detail: expect.stringContaining('line 5') },
      { reason: 'not_an_object' },
      { value: 1 },
      { reason: 'malformed_json', detail: expect.stringContaining('line 8') },
      { reason: 'invalid_utf8', detail: expect.stringContaining('line 9') },
      { reason: 'too_deep', detail: expect.stringContaining('line 10') },
      { value: 1 },
    ]);
  });

  test.each(['', '\n', '\n\r\n  \n'])('%j holds no samples', (body) => {
    expect(refusal(body, 'ndjson')).toBe('empty_request');
  });
});

describe('MessagePack', () => {
  const shapes: [name: string, body: string, samples: number][] = [
    ['a sample', PACKED, 1],
    ['an array', `92 ${PACKED} ${PACKED}`, 2],
    ['an array with a long head', `dd00000001 ${PACKED}`, 1],
    ['samples', `81 a773616d706c6573 91 ${PACKED}`, 1],
    ['a map with a long head', PACKED.replace('82', 'df00000002'), 1],
    ['text with a long head', `82 db000000046e616d65 d90161 a576616c7565 01`, 1],
    ['a value in 64 bits', PACKED.replace('01', 'd30000000000000001'), 1],
    ['a value as a float', PACKED.replace('01', 'ca3f800000'), 1],
  ];
  test.each(shapes)('%s is read', (_, body, samples) => {
    const told = decodeAll(hex(body), 'msgpack');
    expect(told).toHaveLength(samples);
    for (const sample of told) expect(sample).toMatchObject({ name: 'a', value: 1 });
  });

  const times: [ext: string, timeUs: number][] = [
    ['d6ff 00000001', 1_000_000],
    // 1,700,000,000 s and 123,456,789 ns in one number: (ns << 34) | s.
    ['d7ff 1d6f34546553f100', 1_700_000_000_123_456],
    ['c70cff 000003e8 0000000000000002', 2_000_001],
  ];
  test.each(times)('the timestamp %s is %d µs', (ext, timeUs) => {
    const body = hex(`${PACKED.replace('82', '83')} a474696d65 ${ext}`);
    expect(decodeAll(body, 'msgpack')).toMatchObject([{ timeUs }]);
  });

  test('floats that are not finite are values', () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const body = encode(values.map((value) => ({ name: 'a', value })));
    expect(decodeAll(body, 'msgpack')).toMatchObject(values.map((value) => ({ value })));
  });

  const rejected: [reason: RejectReason, detail: RegExp, field: string][] = [
    ['time_out_of_range', /-1000000 µs/, 'a474696d65 c70cff 00000000 ffffffffffffffff'],
    ['time_out_of_range', /µs/, 'a474696d65 c70cff 00000000 7fffffffffffffff'],
    ['invalid_time', /object/, 'a474696d65 d40100'],
    ['invalid_label_value', /binary data/, 'a66c6162656c73 c40161'],
    ['invalid_label_value', /binary data/, 'a66c6162656c73 81 a161 c40161'],
    ['invalid_id', /binary data/, 'a26964 c40161'],
    ['invalid_id', /number/, 'a26964 cfffffffffffffffff'],
  ];
  test.each(rejected)('%s: %s', (reason, detail, field) => {
    const body = hex(`${PACKED.replace('82', '83')} ${field}`);
    expect(decodeAll(body, 'msgpack')).toEqual([{ reason, detail: expect.stringMatching(detail) }]);
  });

  const cases: [reason: RejectReason, name: string, body: string][] = [
    ['empty_request', 'no bytes', ''],
    ['empty_request', 'no samples', '90'],
    ['empty_request', 'no samples under their name', '81 a773616d706c6573 90'],
    ['malformed_msgpack', 'the byte that means nothing', 'c1'],
    ['malformed_msgpack', 'that byte in a sample', '82 a46e616d65 c1'],
    ['malformed_msgpack', 'two values', `${PACKED} ${PACKED}`],
    ['malformed_msgpack', 'an array that is cut off', `92 ${PACKED}`],
    ['malformed_msgpack', 'an array of 4 billion', 'ddffffffff 00'],
    ['malformed_msgpack', 'a map of 4 billion', 'dfffffffff 00'],
    ['malformed_msgpack', 'an array of 4 billion in a sample', '91 81 a161 ddffffffff 00'],
    ['malformed_msgpack', 'a map of 65535 in a sample', '91 81 a161 deffff 00'],
    ['malformed_msgpack', 'text of 4 GiB', 'dbffffffff 00'],
    ['malformed_msgpack', 'bytes of 4 GiB', 'c6ffffffff 00'],
    ['malformed_msgpack', 'an extension of 4 GiB', 'c9ffffffff 01 00'],
    ['malformed_msgpack', 'a length that is cut off', 'db0000'],
    ['malformed_msgpack', 'a double that is cut off', 'cb0000'],
    ['malformed_msgpack', 'a number as a key', '81 01 02'],
    ['malformed_msgpack', 'a number as the key of a label', '81 a66c6162656c73 81 05 a161'],
    ['malformed_msgpack', 'nil as a key', '81 c0 02'],
    ['malformed_msgpack', 'a map as a key', '81 80 02'],
    ['malformed_msgpack', 'a timestamp of three bytes', '81 a474696d65 c703ff 000000'],
    ['unknown_field', 'a field beside samples', `82 a773616d706c6573 90 a161 01`],
    ['unknown_field', 'a field in front of samples', `82 a161 01 a773616d706c6573 90`],
    ['not_an_object', 'samples as a map', `81 a773616d706c6573 ${PACKED}`],
    ['invalid_utf8', 'a name that is not UTF-8', PACKED.replace('a161', 'a1ff')],
    ['invalid_utf8', 'a key that is not UTF-8', '81 a2c080 01'],
    ['too_deep', 'a hundred thousand arrays', '91'.repeat(100_000)],
    ['too_deep', 'a hundred thousand maps', '81a161'.repeat(100_000)],
    ['too_deep', 'arrays in samples', `81 a773616d706c6573 ${'91'.repeat(20)} 01`],
  ];
  test.each(cases)('%s: %s', (reason, _, body) => {
    expect(refusal(hex(body), 'msgpack')).toBe(reason);
  });

  test('is refused wherever it is cut off', () => {
    const samples = [
      { name: 'größe', value: 1.5, labels: { a: 'b'.repeat(300) }, time: new Date(1e12) },
      { name: 'a', value: -5, kind: 'event', id: 'x' },
    ];
    const body = encode(samples);
    for (let length = 1; length < body.length; length += 1) {
      expect(refusal(body.slice(0, length), 'msgpack')).toBe('malformed_msgpack');
    }
  });
});

describe.each<PushFormat>(['json', 'ndjson', 'msgpack'])('%s, by chance', (format) => {
  const valid = [
    { name: 'a', value: 1, labels: { b: 'ö' }, time: 5 },
    { name: 'b', value: 2 },
  ];
  const body = format === 'msgpack' ? encode(valid) : Buffer.from(JSON.stringify(valid));

  test('flipped bytes are read as something else or refused, and nothing else happens', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(flips, (flipped) => {
        const bytes = Uint8Array.from(body);
        for (const [at, bits] of flipped) bytes[at % bytes.length]! ^= bits;
        refusal(bytes, format);
      }),
      { numRuns: 2000 },
    );
  });

  test('random bytes are read as something or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        refusal(bytes, format);
      }),
      { numRuns: 2000 },
    );
  });

  test('samples are counted', () => {
    const bytes = format === 'ndjson' ? `${SAMPLE}\n${SAMPLE}\n1` : body;
    const count = format === 'ndjson' ? 3 : 2;
    expect(decodeAll(bytes, format, { samplesMax: count })).toHaveLength(count);
    const decode = () => decodeAll(bytes, format, { samplesMax: count - 1 });
    expect(decode).toThrow(expect.objectContaining({ reason: 'too_many_samples' }));
  });
});
