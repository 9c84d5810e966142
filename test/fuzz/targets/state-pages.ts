import assert from 'node:assert/strict';
import { MillraceError } from '@millrace/runtime';
import { loadPages, takePages } from '@millrace/transformer/testing';
import { decode, encode } from '@msgpack/msgpack';
import * as fc from 'fast-check';
import type { FuzzTarget } from '../fuzz-target.ts';
import { recordedLogs } from './recorded-logs.ts';
import { warpMsgpack } from '../warp-msgpack.ts';

type Pages = ReadonlyMap<string, Uint8Array>;

/** One byte string of a state: what the store holds under its keys. */
function packed(pages: Pages): Uint8Array {
  return Uint8Array.from(encode([...pages]));
}

function unpacked(bytes: Uint8Array): Pages | undefined {
  try {
    const pairs = decode(bytes, { maxArrayLength: 1000 }) as [string, Uint8Array][];
    const isSound = pairs.every(([key, page]) => typeof key === 'string' && isBytes(page));
    return isSound ? new Map(pairs) : undefined;
  } catch {
    return undefined;
  }
}

const isBytes = (page: unknown): boolean => page instanceof Uint8Array;

/** The committed state of a partition. */
export const statePages: FuzzTarget = {
  name: 'state-pages',
  read: (bytes) => {
    const pages = unpacked(bytes);
    return pages === undefined ? undefined : loadPages(pages);
  },
  isRefusal: (error) => error instanceof MillraceError && /^(STATE|RULES|FOLD)_/.test(error.code),
  sound: fc.nat().map((n) => {
    const logs = recordedLogs();
    const { pages } = logs[n % logs.length]!;
    return {
      bytes: packed(pages),
      check: (read) => {
        const { head, tables } = read as ReturnType<typeof loadPages>;
        // Nothing changed: only the header is written again, and it is the same.
        const again = takePages(head, tables);
        assert.deepEqual([...again.keys()], ['header']);
        assert.deepEqual(decode(again.get('header')!), decode(pages.get('header')!));
      },
    };
  }),
  words: [
    ...[
      'header',
      'version',
      'seriesEnd',
      'identities',
      'pieces',
      'definitionsEnd',
      'labelsEnd',
      'l0',
      's0',
      'p0',
      'i0',
    ],
    ...['generations', 'barrier', 'ledger', 'receivers'],
  ].map((word) => Uint8Array.from(encode(word))),
  warp: warpPages,
  memory: { perByte: 100, fixedBytes: 16 * 1024 ** 2 },
  runs: 320,
};

/** Half of the time the header alone: it says how large everything else is. */
function warpPages(bytes: Uint8Array, place: number, lie: number): Uint8Array {
  const pages = place % 2 === 0 ? unpacked(bytes) : undefined;
  const header = pages?.get('header');
  if (pages === undefined || header === undefined) return warpMsgpack(bytes, place, lie);
  return packed(new Map(pages).set('header', warpMsgpack(header, place >> 1, lie)));
}
