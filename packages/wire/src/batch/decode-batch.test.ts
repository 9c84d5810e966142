import type { Label, SampleKind } from '@millrace/model';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { DecodeError } from '../samples/decode-error.ts';
import { decodeBatch } from './decode-batch.ts';
import { encodeBatch, type BatchFields } from './encode-batch.ts';
import { arbitraryBatch } from './testing/arbitrary-batch.ts';
import { describeBatch } from './testing/describe-batch.ts';

const bin = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const SOUND = {
  version: 1,
  producer: 'p',
  session: bin(1, 2, 3, 4, 5, 6, 7, 8),
  sequence: 1,
  table: { first: 0, kinds: bin(0), labels: [['__name__', 'up']] },
  series: bin(0, 0, 0, 0),
  times: bin(0, 0, 0, 0, 0, 0, 0, 0),
  values: bin(0, 0, 0, 0, 0, 0, 0, 0),
};

function refusalOf(body: Uint8Array): DecodeError {
  try {
    decodeBatch(body);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** What `describeBatch` must tell of the fields. */
function meantBy({ producer, session, sequence, table, series, timesUs, values }: BatchFields) {
  return {
    producer,
    session: Buffer.from(session).toString('hex'),
    sequence,
    first: table?.first,
    table: (table?.labels ?? []).map((labels, i): { kind: SampleKind; labels: Label[] } => {
      const { kinds } = table!;
      return { kind: kinds.length === 1 ? kinds[0]! : kinds[i]!, labels: [...labels] };
    }),
    samples: Array.from(values, (value, i) => ({
      series: series?.[i] ?? i,
      timeUs: BigInt(timesUs.length === 1 ? timesUs[0]! : timesUs[i]!),
      value,
    })),
  };
}

describe('a batch', () => {
  it('has texts made of its labels when they are asked for, and checked before', () => {
    const labels = Array.from({ length: 50 }, (_, i) => ['__name__', `température ${i}`]);
    const body = encode({ ...SOUND, table: { ...SOUND.table, labels } });
    const texts = vi.spyOn(Buffer.prototype, 'toString');
    const { table } = decodeBatch(body);
    const made = texts.mock.results.map(({ value }) => value as string);
    texts.mockRestore();
    expect(made).toContain('labels');
    expect(made.filter((text) => text.startsWith('temp') || text === '__name__')).toEqual([]);
    expect(Array.from(labels, (_, i) => table!.labelsOf(i).flat())).toEqual(labels);
    // The last of them in Latin-1, where none is asked for.
    const broken = Uint8Array.from(body);
    broken[Buffer.from(body).lastIndexOf('é') + 1] = 0x41;
    expect(refusalOf(broken).reason).toBe('invalid_utf8');
  });

  it('reads back as it was written, at any place of any buffer', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat({ max: 9 }), (fields, offset) => {
        const body = encodeBatch(fields);
        const padded = new Uint8Array(body.length + 20);
        padded.set(body, offset);
        const placed = padded.subarray(offset, offset + body.length);
        expect(describeBatch(decodeBatch(placed))).toEqual(meantBy(fields));
      }),
    );
  });

  it('may have its fields in any order, and numbers as any encoder writes them', () => {
    const reversed = Object.fromEntries(Object.entries(SOUND).toReversed());
    expect(describeBatch(decodeBatch(encode(reversed)))).toEqual(
      describeBatch(decodeBatch(encode(SOUND))),
    );
    const { sequence: _sequence, ...others } = SOUND;
    const key = [0x88, 0xa8, ...Buffer.from('sequence')];
    const rest = encode(others).subarray(1);
    const forms: [number, number[]][] = [
      [5, [0x05]],
      [200, [0xcc, 200]],
      [5, [0xd0, 5]],
      [5, [0xd1, 0, 5]],
      [5, [0xce, 0, 0, 0, 5]],
      [2 ** 32 + 5, [0xcf, 0, 0, 0, 1, 0, 0, 0, 5]],
      [2 ** 53 - 1, [0xd3, 0, 0x1f, 255, 255, 255, 255, 255, 255]],
    ];
    for (const [sequence, bytes] of forms) {
      expect(decodeBatch(bin(...key, ...bytes, ...rest))).toMatchObject({ sequence });
    }
    for (const bytes of [
      [0xff],
      [0xd0, 0xff],
      [0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0],
      [0xca, 0, 0, 0, 0],
    ]) {
      expect(refusalOf(bin(...key, ...bytes, ...rest))).toMatchObject({
        reason: 'malformed_batch',
        detail: expect.stringContaining('sequence is not a whole number'),
      });
    }
  });
});

describe('a batch is refused as a whole', () => {
  const cases: [what: string, fields: unknown, reason: string, detail: string][] = [
    ['that is no map', [1], 'malformed_batch', 'is not a map'],
    ['of another version', { ...SOUND, version: 2 }, 'unsupported_version', 'is 2, not 1'],
    ['with an unknown field', { ...SOUND, time: 1 }, 'malformed_batch', 'did you mean times?'],
    ['with a field of no sense', { ...SOUND, x: 1 }, 'malformed_batch', 'there are version,'],
    ['without producer', without('producer'), 'malformed_batch', 'no `producer`'],
    ['without session', without('session'), 'malformed_batch', 'no `session`'],
    ['without sequence', without('sequence'), 'malformed_batch', 'no `sequence`'],
    ['without times', without('times'), 'malformed_batch', 'no `times`'],
    ['without values', without('values'), 'malformed_batch', 'no `values`'],
    ['of nobody', { ...SOUND, producer: '' }, 'malformed_batch', 'producer is empty'],
    ['of a long name', { ...SOUND, producer: 'p'.repeat(257) }, 'malformed_batch', '256 bytes'],
    ['of a short session', { ...SOUND, session: bin(1) }, 'malformed_batch', '1 bytes, not 8 to'],
    ['of a text as session', { ...SOUND, session: '12345678' }, 'malformed_batch', 'a byte string'],
    ['with no values', { ...SOUND, values: bin() }, 'empty_request', 'no values'],
    ['with half a value', { ...SOUND, values: bin(1, 2) }, 'malformed_batch', 'a multiple of 8'],
    ['with numbers as values', { ...SOUND, values: [1] }, 'malformed_batch', 'a byte string'],
    ['with too few series', { ...SOUND, series: bin() }, 'malformed_batch', 'of 0 for 1 values'],
    ['with no time', { ...SOUND, times: bin() }, 'malformed_batch', 'of 0 for 1 values'],
    ['with an empty table', table({}), 'malformed_batch', 'no `first` in `table`'],
    ['with a table of no kinds', table({ first: 0 }), 'malformed_batch', 'no `kinds` in `table`'],
    [
      'with a kind too high',
      table({ kinds: bin(5) }),
      'unknown_kind',
      'series 0 of the table is 5',
    ],
    [
      'with kinds of others',
      table({ first: 0, kinds: bin(0, 0), labels: [[]] }),
      'malformed_batch',
      '2 kinds for 1 series',
    ],
    ['with half a label', table({ labels: [['a']] }), 'malformed_batch', 'no pairs'],
    ['with a number as label', table({ labels: [['a', 1]] }), 'malformed_batch', 'not a text'],
    ['with an object as labels', table({ labels: [{ a: 'b' }] }), 'malformed_batch', 'an array'],
    [
      'with a thousand labels',
      table({ labels: [Array.from({ length: 2050 }, String)] }),
      'too_many_labels',
      'more than 1024',
    ],
  ];
  it.each(cases)('%s', (_what, fields, reason, detail) => {
    const refusal = refusalOf(encode(fields));
    expect(refusal).toMatchObject({ reason, detail: expect.stringContaining(detail) });
  });

  it('without a body, with bytes behind it, a field twice, or bytes that are no UTF-8', () => {
    expect(refusalOf(bin()).reason).toBe('empty_request');
    const sound = encode(SOUND);
    expect(refusalOf(bin(...sound, 0)).detail).toContain('more behind the map');
    const again = bin(0x89, ...sound.subarray(1), 0xa8, ...Buffer.from('sequence'), 1);
    expect(refusalOf(again).detail).toContain('sequence occurs twice');
    const latin1 = Uint8Array.from(sound);
    latin1[sound.indexOf('p'.charCodeAt(0), sound.indexOf(0xa1))] = 0xe4;
    expect(refusalOf(latin1).reason).toBe('invalid_utf8');
  });

  it('that is cut off anywhere', () => {
    const sound = encode(SOUND);
    for (let length = 1; length < sound.length; length += 1) {
      expect(refusalOf(sound.slice(0, length)).reason).toBe('malformed_batch');
    }
  });

  it('that has more samples, or a longer table, than a batch may', () => {
    const two = { ...SOUND, series: undefined, values: new Uint8Array(16) };
    const body = encode(Object.fromEntries(Object.entries(two).filter(([, v]) => v !== undefined)));
    const limits = { samplesMax: 1, tableMax: 1 };
    expect(() => decodeBatch(body, limits)).toThrow(/more than 1 samples/);
    const long = encode(table({ first: 0, labels: [[], []] }));
    expect(() => decodeBatch(long, limits)).toThrow(
      expect.objectContaining({ reason: 'too_many_series' }),
    );
  });

  it('that claims gigabytes, before anything is allocated', () => {
    const key = [0x81, 0xa5, ...Buffer.from('table'), 0x81, 0xa6, ...Buffer.from('labels')];
    expect(refusalOf(bin(...key, 0xdd, 255, 255, 255, 255)).detail).toContain('cut off');
  });
});

function without(field: keyof typeof SOUND): object {
  return Object.fromEntries(Object.entries(SOUND).filter(([name]) => name !== field));
}

function table(fields: object): object {
  return { ...SOUND, table: fields };
}
