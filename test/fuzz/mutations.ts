import * as fc from 'fast-check';

/** One change of an input. Places are shares of its length, so that they fit any. */
export type Mutation =
  | Readonly<{ kind: 'flip'; at: number; bit: number }>
  | Readonly<{ kind: 'set'; at: number; byte: number }>
  | Readonly<{ kind: 'cut'; at: number }>
  | Readonly<{ kind: 'remove'; at: number; length: number }>
  | Readonly<{ kind: 'repeat'; at: number; length: number; times: number }>
  | Readonly<{ kind: 'insert'; at: number; word: number; times: number }>
  | Readonly<{ kind: 'overwrite'; at: number; word: number }>
  | Readonly<{ kind: 'splice'; at: number; from: number; length: number }>;

/** No input grows beyond this: what a reader does with more is the matter of its own limits. */
export const INPUT_BYTES_MAX = 256 * 1024;

const NESTING_MAX = 3000;

/** Numbers and heads that lie: huge counts and lengths of the encodings that occur. */
const LIES: readonly Uint8Array[] = [
  '00',
  '01',
  '7f',
  '80',
  'ff',
  'ffff',
  '7fff',
  '8000',
  'ffffffff',
  '7fffffff',
  '80000000',
  '00000080',
  'ffffff7f',
  '00ffffff',
  '0000000000000080',
  'ffffffffffffff7f',
  'ffffffffffffffff',
  // Varints: 2^32 - 1, 2^31, 2^63, 2^64 - 1, and one that never ends.
  'ffffffff0f',
  '8080808008',
  '80808080808080808001',
  'ffffffffffffffffff01',
  'ffffffffffffffffffffff',
  // NaN and infinity in either order, and Prometheus' stale marker.
  '000000000000f87f',
  '7ff8000000000000',
  '000000000000f07f',
  '020000000000f07f',
  // MessagePack: array, map, text, bytes and extension of 2^32 - 1, of 2^24, and heads to nest.
  'ddffffffff',
  'dfffffffff',
  'dbffffffff',
  'c6ffffffff',
  'c9ffffffff01',
  'dd01000000',
  'df01000000',
  'dcffff',
  '91',
  '81a161',
  'c1',
  'd6ffffffffff',
  'cb7ff8000000000000',
  'cf7fffffffffffffff',
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

const place = fc.double({ min: 0, max: 1, noNaN: true });
const short = fc.integer({ min: 1, max: 64 });
const times = fc.oneof(
  { weight: 6, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: NESTING_MAX }) },
);
const word = fc.nat({ max: 1000 });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at: place, byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('remove' as const), at: place, length: short }),
  fc.record({ kind: fc.constant('repeat' as const), at: place, length: short, times }),
  fc.record({ kind: fc.constant('insert' as const), at: place, word, times }),
  fc.record({ kind: fc.constant('overwrite' as const), at: place, word }),
  fc.record({
    kind: fc.constant('splice' as const),
    at: place,
    from: place,
    length: fc.integer({ min: 1, max: 4096 }),
  }),
);

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(mutation, {
  minLength: 1,
  maxLength: 5,
});

/** `bytes` after all changes. `donor` is another input, `words` those of the format. */
export function mutate(
  bytes: Uint8Array,
  changes: readonly Mutation[],
  context: Readonly<{ donor: Uint8Array; words: readonly Uint8Array[] }>,
): Uint8Array {
  const words = [...context.words, ...LIES];
  let result = Uint8Array.from(bytes);
  for (const change of changes) result = apply(result, change, context.donor, words);
  return result.subarray(0, INPUT_BYTES_MAX);
}

function apply(
  bytes: Uint8Array,
  change: Mutation,
  donor: Uint8Array,
  words: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = Math.floor(change.at * bytes.length);
  switch (change.kind) {
    case 'flip':
      return withByte(bytes, at, (byte) => byte ^ (1 << change.bit));
    case 'set':
      return withByte(bytes, at, () => change.byte);
    case 'cut':
      return bytes.slice(0, at);
    case 'remove':
      return joined(bytes.subarray(0, at), bytes.subarray(at + change.length));
    case 'repeat': {
      const part = bytes.subarray(at, at + change.length);
      return joined(bytes.subarray(0, at), ...Array(change.times).fill(part), bytes.subarray(at));
    }
    case 'insert': {
      const put = words[change.word % words.length]!;
      return joined(bytes.subarray(0, at), ...Array(change.times).fill(put), bytes.subarray(at));
    }
    case 'overwrite': {
      const put = words[change.word % words.length]!;
      return joined(bytes.subarray(0, at), put, bytes.subarray(at + put.length));
    }
    case 'splice': {
      const from = Math.floor(change.from * donor.length);
      const part = donor.subarray(from, from + change.length);
      return joined(bytes.subarray(0, at), part, bytes.subarray(at));
    }
  }
}

function withByte(
  bytes: Uint8Array,
  at: number,
  change: (byte: number) => number,
): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(bytes);
  if (at < changed.length) changed[at] = change(changed[at]!);
  return changed;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
