import type { Address, Piece } from '@millrace/model';
import { emptyEntries, EntryType, SeriesRecordBuilder, type Entries } from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entriesBelow } from './entries-below.ts';
import { EntryCollector } from './entry-collector.ts';

const HEAD = { logId: '00'.repeat(16), logNumber: 3, source: 'live', foldVersion: 2 };
const FROM = 7;

const value = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -5, 2 ** 60));
const put = fc.oneof(
  fc.record({ kind: fc.constant('sample' as const), value, flags: fc.nat(3) }),
  fc.record({ kind: fc.constant('samples' as const), values: fc.array(value, { maxLength: 9 }) }),
  fc.record({ kind: fc.constantFrom('open' as const, 'final' as const), value }),
  fc.record({ kind: fc.constantFrom('definition' as const, 'unverified' as const), value }),
  fc.record({ kind: fc.constant('ledger' as const) }),
  fc.record({ kind: fc.constant('foldVersion' as const), foldVersion: fc.constantFrom(1, 2) }),
);
const records = fc.array(fc.array(put, { maxLength: 8 }), { minLength: 1, maxLength: 12 });

type Put = typeof put extends fc.Arbitrary<infer T> ? T : never;

describe('EntryCollector', () => {
  it('hands out what records would hold, up to the mark', () => {
    const property = fc.property(records, fc.nat(12), fc.nat(4), (all, offset, ordinal) => {
      const mark = { offset: FROM + offset, ordinal } as Address;
      expect(collected(all, mark)).toEqual(recorded(all, mark));
    });
    fc.assert(property, { numRuns: 300 });
  });
});

/** What comes of the records below the mark, and of the one at it when some of that is below. */
function reached(all: Put[][], mark: Address): [offset: number, puts: Put[]][] {
  const end = mark.ordinal > 0 ? mark.offset + 1 : mark.offset;
  return all.map((puts, i): [number, Put[]] => [FROM + i, puts]).filter(([offset]) => offset < end);
}

function collected(all: Put[][], mark: Address): unknown[] {
  const out = new EntryCollector(HEAD, FROM, mark);
  return reached(all, mark).map(([offset, puts]) => {
    out.begin(offset);
    puts.forEach((one, i) => putInto(out, one, 100 * offset + i));
    const taken = copies();
    out.take(offset + 1, taken.add);
    return taken.joined();
  });
}

function recorded(all: Put[][], mark: Address): unknown[] {
  const out = new SeriesRecordBuilder(HEAD, { offset: FROM, ordinal: 0 } as Address, 800_000);
  return reached(all, mark).map(([offset, puts]) => {
    out.begin(offset);
    puts.forEach((one, i) => putInto(out, one, 100 * offset + i));
    out.flush(offset + 1);
    const taken = copies();
    for (const { payload } of out.sealed.splice(0)) taken.add(entriesBelow(payload, mark));
    return taken.joined();
  });
}

/** Copies, because columns are valid for a moment only. */
function copies(): { add: (entries: Entries) => void; joined: () => unknown } {
  const all: Record<string, unknown[]> = {};
  for (const name of Object.keys(emptyEntries())) all[name] = [];
  return {
    add: ({ samples, ...lists }) => {
      for (let i = 0; i < samples.count; i += 1) {
        const id = [...samples.seriesIds.subarray(8 * i, 8 * i + 8)];
        all['samples']!.push([id, samples.times[i], samples.values[i], samples.flags[i]]);
      }
      for (const [name, list] of Object.entries(lists)) all[name]!.push(...(list as unknown[]));
    },
    joined: () => all,
  };
}

function putInto(out: SeriesRecordBuilder, one: Put, at: number): void {
  const lanes = Uint32Array.from({ length: 36 }, (_, i) => at * 31 + i);
  const fingerprint = new Uint8Array(16).fill(at);
  switch (one.kind) {
    case 'sample':
      out.sample(lanes, 4, at, one.value, one.flags);
      break;
    case 'samples': {
      const values = Float64Array.from(one.values);
      out.samples(lanes, { times: values.map((_, i) => at + i), values }, 0, values.length);
      break;
    }
    case 'open':
    case 'final':
      out.entry(EntryType[one.kind], pieceOf(fingerprint, at, one.value));
      break;
    case 'definition':
      out.entry(EntryType.definition, {
        ...{ fingerprint, tenant: 't', labels: [['__name__', `m${at}`]], kind: 1, seenUs: at },
      });
      break;
    case 'unverified':
      out.entry(EntryType.unverified, {
        ...{ fingerprint, tenant: 't', timeUs: at, value: one.value, flags: 4, receivedAtUs: at },
      });
      break;
    case 'ledger':
      out.entry(EntryType.ledger, {
        ...{ totals: [], partitionTimeUs: at, watermarkUs: at, position: at },
      });
      break;
    case 'foldVersion':
      out.changeFoldVersion(one.foldVersion);
  }
}

function pieceOf(fingerprint: Uint8Array, at: number, value: number): Piece {
  return {
    ...{ edition: 5, fingerprint, widthUs: 60e6, startUs: at, piece: at, count: 3, marked: false },
    ...{ sum: value, min: value, max: -value, first: value, last: undefined, increase: value },
    ...{ firstTimeUs: at, lastTimeUs: undefined, histogram: undefined, distinct: undefined },
    inputs: at % 2 === 0 ? new Uint8Array([1, 2]) : undefined,
  };
}
