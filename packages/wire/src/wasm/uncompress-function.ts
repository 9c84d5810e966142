import { wasmFunction, type VariablesOf, type WasmFunction } from './assemble-module.ts';
import { block, branch, branchIf, i32, i64, loop, returns, v128, when, type Code } from './code.ts';

/** Behind input and output: sixteen bytes are read and written at a time, also of fewer. */
export const UNCOMPRESS_SLACK_BYTES = 16;

const VARIABLES = {
  params: ['at', 'end', 'to', 'limit'],
  locals: {
    start: 'i32',
    tag: 'i32',
    count: 'i32',
    from: 'i32',
    back: 'i32',
    stop: 'i32',
    extra: 'i32',
  },
} as const;
type Variables = VariablesOf<typeof VARIABLES>;

/**
 * `uncompressElements` of `snappy.ts` in WebAssembly: from memory[at, end) into [to, limit). 1 when
 * the elements are sound and fill the output, else 0, and then nothing is said of why.
 */
export const uncompressFunction: WasmFunction = wasmFunction(
  'uncompress',
  VARIABLES,
  (v: Variables) => [
    v.start.set(v.to.get),
    block((done) =>
      loop((next) => [
        branchIf(done, i32.geU(v.at.get, v.end.get)),
        v.tag.set(i32.load8(v.at.get)),
        v.at.add(i32.is(1)),
        when(i32.isZero(i32.and(v.tag.get, i32.is(3))), [literal(v), branch(next)]),
        copyOf(v),
        copy(v),
        branch(next),
      ]),
    ),
    // As many elements as bytes, and as many bytes as were claimed.
    i32.and(i32.eq(v.at.get, v.end.get), i32.eq(v.to.get, v.limit.get)),
  ],
);

function refuseWhen(condition: Code): Code {
  return when(condition, returns(i32.is(0)));
}

function literal(v: Variables): Code {
  const { at, end, to, limit, tag, count, extra } = v;
  return [
    count.set(i32.shrU(tag.get, i32.is(2))),
    when(i32.geU(count.get, i32.is(60)), [
      extra.set(i32.sub(count.get, i32.is(59))),
      refuseWhen(i32.gtU(extra.get, i32.sub(end.get, at.get))),
      count.set(
        i32.and(
          i32.load(at.get),
          // So many of four bytes.
          i32.shrU(i32.is(-1), i32.shl(i32.sub(i32.is(4), extra.get), i32.is(3))),
        ),
      ),
      at.add(extra.get),
    ]),
    // One less than it is: so 2^32 does not become 0.
    refuseWhen(i32.geU(count.get, i32.sub(end.get, at.get))),
    refuseWhen(i32.geU(count.get, i32.sub(limit.get, to.get))),
    count.add(i32.is(1)),
    v.from.set(at.get),
    sixteens(v),
    at.add(count.get),
    to.add(count.get),
  ];
}

/** Copies `count` bytes from `from` to `to`, up to fifteen more with them. */
function sixteens({ from, to, count, stop, back }: Variables): Code {
  // `back` is free in a literal and not needed any more in a copy.
  return [
    v128.store(to.get, v128.load(from.get)),
    when(i32.gtU(count.get, i32.is(16)), [
      back.set(i32.add(to.get, i32.is(16))),
      stop.set(i32.add(to.get, count.get)),
      loop((again) => [
        from.add(i32.is(16)),
        v128.store(back.get, v128.load(from.get)),
        back.add(i32.is(16)),
        branchIf(again, i32.ltU(back.get, stop.get)),
      ]),
    ]),
  ];
}

/** How many bytes are copied from how far back, by the tag and what follows it. */
function copyOf({ at, end, to, limit, start, tag, count, back, from }: Variables): Code {
  const oneByte = i32.eq(i32.and(tag.get, i32.is(3)), i32.is(1));
  const twoBytes = i32.eq(i32.and(tag.get, i32.is(3)), i32.is(2));
  return [
    block((known) => [
      when(oneByte, [
        count.set(i32.add(i32.and(i32.shrU(tag.get, i32.is(2)), i32.is(7)), i32.is(4))),
        back.set(i32.or(i32.shl(i32.shrU(tag.get, i32.is(5)), i32.is(8)), i32.load8(at.get))),
        at.add(i32.is(1)),
        branch(known),
      ]),
      count.set(i32.add(i32.shrU(tag.get, i32.is(2)), i32.is(1))),
      when(twoBytes, [back.set(i32.load16(at.get)), at.add(i32.is(2)), branch(known)]),
      back.set(i32.load(at.get)),
      at.add(i32.is(4)),
    ]),
    refuseWhen(i32.gtU(at.get, end.get)),
    // One less, so that none back is too far as well.
    refuseWhen(i32.geU(i32.sub(back.get, i32.is(1)), i32.sub(to.get, start.get))),
    refuseWhen(i32.gtU(count.get, i32.sub(limit.get, to.get))),
    from.set(i32.sub(to.get, back.get)),
  ];
}

function copy(v: Variables): Code {
  const { to, count, from, back, stop } = v;
  return [
    block((copied) => [
      when(i32.geU(back.get, i32.is(16)), [sixteens(v), to.add(count.get), branch(copied)]),
      stop.set(i32.add(to.get, count.get)),
      when(i32.geU(back.get, i32.is(8)), [
        loop((again) => [
          i64.store(to.get, i64.load(from.get)),
          from.add(i32.is(8)),
          to.add(i32.is(8)),
          branchIf(again, i32.ltU(to.get, stop.get)),
        ]),
        to.set(stop.get),
        branch(copied),
      ]),
      // Source and target overlap: each byte may be one that this copy has written.
      loop((again) => [
        i32.store8(to.get, i32.load8(from.get)),
        from.add(i32.is(1)),
        to.add(i32.is(1)),
        branchIf(again, i32.ltU(to.get, stop.get)),
      ]),
    ]),
  ];
}
