import { STALE_NAN_HIGH, STALE_NAN_LOW } from '@millrace/model';
import { wasmFunction, type VariablesOf, type WasmFunction } from '../wasm/assemble-module.ts';
import {
  block,
  branch,
  branchIf,
  f64,
  i32,
  i64,
  loop,
  select,
  v128,
  when,
  type Code,
  type Local,
} from '../wasm/code.ts';

/*
 * A key in memory: the label bytes of a series, as they were sent, …
 *
 *   | bytes uint32 | key that followed last time, its address uint32 | number uint32 | 0 uint32 |
 *   | label bytes |
 *
 * … or what of them differs from those of another key of the same length, which has all of its:
 *
 *   | bytes uint32 | follower uint32 | number uint32 | that key's address uint32 | mask uint32 |
 *   | blocks |
 *
 * A block is 16 bytes. Block i begins at 16 i, the last one ends where the key does; bit i of the
 * mask is set where it lies here.
 */
export const KEY_HEAD_BYTES = 16;
export const KEY_FOLLOWER_AT = 4;
export const KEY_NUMBER_AT = 8;
export const KEY_LIKE_AT = 12;
export const KEY_MASK_AT = 16;
export const LIKE_KEY_HEAD_BYTES = 20;
export const KEY_BLOCK_BYTES = 16;

/** Where the function leaves what it does not return. */
export const STOPPED_AT = 0;
export const LAST_KEY_AT = 4;
export const SERIES_COUNT_AT = 8;

/** Tag and length of a sample, tag and value, tag and a time between 1971 and 2109. */
const SAMPLE_BYTES = 18;
const SAMPLE_HEAD = 0x09_10_12;
const TIME_TAG = 0x10;
/** The highest bits of six bytes: set in all but the last of a varint. */
const CONTINUED = 0x8080_8080_8080n;
const CONTINUED_BUT_LAST = 0x0080_8080_8080n;
const STALE = (BigInt(STALE_NAN_HIGH) << 32n) | BigInt(STALE_NAN_LOW >>> 0);

const VARIABLES = {
  params: ['at', 'end', 'key', 'samplesMax', 'numbers', 'times', 'values'],
  locals: {
    samples: 'i32',
    series: 'i32',
    next: 'i32',
    from: 'i32',
    stop: 'i32',
    to: 'i32',
    count: 'i32',
    like: 'i32',
    mask: 'i32',
    time: 'i64',
    value: 'i64',
  },
} as const;
type Variables = VariablesOf<typeof VARIABLES>;

/**
 * What `decodeWriteRequest` and `SeriesCache.expect` do with the usual series, in WebAssembly: one
 * after the other, from memory[at] on, as long as each is the one that followed the last one
 * before, and has nothing but usual samples behind its labels. `key` is the last one's. Returns
 * for how many samples it has filled the columns; it stops in front of the first series that is
 * not so, or that there is no room for.
 */
export const expectedSeriesFunction: WasmFunction = wasmFunction(
  'expectedSeries',
  VARIABLES,
  (v: Variables) => [
    block((unusual) =>
      loop((again) => [
        head(v, unusual),
        compare(v, unusual),
        samples(v, unusual),
        v.at.set(v.to.get),
        v.samples.set(v.count.get),
        v.key.set(v.next.get),
        v.series.add(i32.is(1)),
        branch(again),
      ]),
    ),
    i32.store(i32.is(0), v.at.get, STOPPED_AT),
    i32.store(i32.is(0), v.key.get, LAST_KEY_AT),
    i32.store(i32.is(0), v.series.get, SERIES_COUNT_AT),
    v.samples.get,
  ],
);

/** Leaves its labels' start in `from` and its end in `to`. */
function head({ at, end, from, to }: Variables, unusual: symbol): Code {
  const isSeries = i32.eq(i32.load8(at.get), i32.is(0x0a));
  return [
    branchIf(unusual, i32.geU(i32.add(at.get, i32.is(3)), end.get)),
    branchIf(unusual, i32.isZero(isSeries)),
    to.set(i32.load8(at.get, 1)),
    from.set(i32.add(at.get, i32.is(2))),
    when(i32.geU(to.get, i32.is(0x80)), [
      branchIf(unusual, i32.geU(i32.load8(at.get, 2), i32.is(0x80))),
      to.set(i32.or(i32.and(to.get, i32.is(0x7f)), i32.shl(i32.load8(at.get, 2), i32.is(7)))),
      from.add(i32.is(1)),
    ]),
    to.add(from.get),
    branchIf(unusual, i32.gtU(to.get, end.get)),
  ];
}

/** Leaves the key in `next` and the labels' end in `from`. */
function compare(v: Variables, unusual: symbol): Code {
  const { key, next, from, to, stop, count, like } = v;
  return [
    next.set(i32.load(key.get, KEY_FOLLOWER_AT)),
    count.set(i32.load(next.get)),
    branchIf(unusual, i32.gtU(count.get, i32.sub(to.get, from.get))),
    // Keys that are shorter are left to others.
    branchIf(unusual, i32.ltU(count.get, i32.is(KEY_BLOCK_BYTES))),
    // Whole blocks from the front, then the last sixteen bytes, some of them again.
    stop.set(i32.add(from.get, i32.sub(count.get, i32.is(KEY_BLOCK_BYTES)))),
    like.set(i32.load(next.get, KEY_LIKE_AT)),
    block((compared) => [
      when(like.get, [compareLike(v, unusual), branch(compared)]),
      compareWhole(v, unusual),
    ]),
    from.set(i32.add(stop.get, i32.is(KEY_BLOCK_BYTES))),
  ];
}

function compareWhole({ next, from, stop, count }: Variables, unusual: symbol): Code {
  const differ = branchIf(
    unusual,
    v128.differ(v128.load(count.get, KEY_HEAD_BYTES), v128.load(from.get)),
  );
  return [
    count.set(next.get),
    block((last) =>
      loop((again) => [
        branchIf(last, i32.geU(from.get, stop.get)),
        differ,
        count.add(i32.is(KEY_BLOCK_BYTES)),
        from.add(i32.is(KEY_BLOCK_BYTES)),
        branch(again),
      ]),
    ),
    count.set(i32.sub(count.get, i32.sub(from.get, stop.get))),
    from.set(stop.get),
    differ,
  ];
}

/** Each block with the one that lies here, or with the other key's. */
function compareLike({ next, from, stop, count, like, mask }: Variables, unusual: symbol): Code {
  const isHere = i32.and(mask.get, i32.is(1));
  const differ = branchIf(
    unusual,
    v128.differ(v128.load(select(count.get, like.get, isHere)), v128.load(from.get)),
  );
  return [
    mask.set(i32.load(next.get, KEY_MASK_AT)),
    count.set(i32.add(next.get, i32.is(LIKE_KEY_HEAD_BYTES))),
    like.add(i32.is(KEY_HEAD_BYTES)),
    block((last) =>
      loop((again) => [
        branchIf(last, i32.geU(from.get, stop.get)),
        differ,
        count.add(i32.shl(isHere, i32.is(4))),
        mask.set(i32.shrU(mask.get, i32.is(1))),
        like.add(i32.is(KEY_BLOCK_BYTES)),
        from.add(i32.is(KEY_BLOCK_BYTES)),
        branch(again),
      ]),
    ),
    like.set(i32.sub(like.get, i32.sub(from.get, stop.get))),
    from.set(stop.get),
    differ,
  ];
}

/** From `from` to `to`; leaves in `count` how many samples there are with them. */
function samples(v: Variables, unusual: symbol): Code {
  const { from, to, count, time, value, numbers, times, values, next } = v;
  const isSampleHead = i32.eq(i32.and(i32.load(from.get), i32.is(0xff_ffff)), i32.is(SAMPLE_HEAD));
  const at = (column: Local, shift: number): Code =>
    i32.add(column.get, i32.shl(count.get, i32.is(shift)));
  return [
    count.set(v.samples.get),
    block((done) =>
      loop((again) => [
        branchIf(done, i32.eq(from.get, to.get)),
        branchIf(unusual, i32.ltU(i32.sub(to.get, from.get), i32.is(SAMPLE_BYTES))),
        branchIf(unusual, i32.isZero(isSampleHead)),
        branchIf(unusual, i32.ne(i32.load8(from.get, 11), i32.is(TIME_TAG))),
        branchIf(unusual, i32.geU(count.get, v.samplesMax.get)),
        value.set(i64.load(from.get, 3)),
        branchIf(unusual, i64.eq(value.get, i64.is(STALE))),
        time.set(i64.load(from.get, 12)),
        branchIf(unusual, i64.ne(i64.and(time.get, i64.is(CONTINUED)), i64.is(CONTINUED_BUT_LAST))),
        i32.store(at(numbers, 2), i32.load(next.get, KEY_NUMBER_AT)),
        f64.store(at(times, 3), f64.mul(f64.fromI64(sixSevens(time)), f64.is(1000))),
        i64.store(at(values, 3), value.get),
        count.add(i32.is(1)),
        from.add(i32.is(SAMPLE_BYTES)),
        branch(again),
      ]),
    ),
  ];
}

/** The number of a varint of six bytes: seven bits of each. */
function sixSevens(bytes: Local): Code {
  const seven = (place: number): Code =>
    i64.and(
      place === 0 ? bytes.get : i64.shrU(bytes.get, i64.is(BigInt(place))),
      i64.is(0x7fn << BigInt(7 * place)),
    );
  return [1, 2, 3, 4, 5].reduce((sum: Code, place) => i64.or(sum, seven(place)), seven(0));
}
