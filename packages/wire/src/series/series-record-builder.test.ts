import { describe, expect, it } from 'vitest';
import { SeriesRecordBuilder } from './series-record-builder.ts';
import { decodeSeriesRecord, listEntries } from './series-record-codec.ts';
import { EntryType } from './series-record.ts';

const HEAD = { logId: '00'.repeat(16), logNumber: 1, source: 'live', foldVersion: 1 };
const FINGERPRINT = new Uint8Array(16).fill(7);
const LANES = new Uint32Array(FINGERPRINT.buffer);

function builderOf(recordBytesMax: number): SeriesRecordBuilder {
  return new SeriesRecordBuilder(HEAD, { offset: 0, ordinal: 0 }, recordBytesMax);
}

/** The NaN of these sign and payload bits. */
function nanOf(high: number, low: number): number {
  return new Float64Array(Uint32Array.of(low, high).buffer)[0]!;
}

describe('SeriesRecordBuilder', () => {
  it('writes every NaN as the same bytes', () => {
    const payloads = [nanOf(0x7ff80000, 0), nanOf(0xfff80000, 0), nanOf(0x7ff80000, 5)].map(
      (value) => {
        const builder = builderOf(10_000);
        builder.begin(0);
        builder.sample(LANES, 0, 1, value, 0);
        builder.entry(EntryType.exemplar, {
          fingerprint: FINGERPRINT,
          timeUs: 1,
          value,
          labels: [],
        });
        builder.flush(1);
        return Buffer.from(builder.sealed[0]!.payload).toString('hex');
      },
    );
    expect(new Set(payloads).size).toBe(1);
  });

  it('keeps the sign of a zero in raw samples, and puts out one zero elsewhere', () => {
    const payloads = [-0, 0].map((zero) => {
      const builder = builderOf(10_000);
      builder.begin(0);
      builder.sample(LANES, 0, 1, -0, 0);
      const values = { sum: zero, min: zero, max: zero, first: zero, last: zero, increase: zero };
      const times = { widthUs: 1, startUs: 0, firstTimeUs: 0, lastTimeUs: 0 };
      const name = { edition: 1, fingerprint: FINGERPRINT, piece: 0, count: 1, marked: false };
      const sketches = { histogram: undefined, distinct: undefined, inputs: undefined };
      builder.entry(EntryType.final, { ...name, ...times, ...values, ...sketches });
      const sample = { fingerprint: FINGERPRINT, timeUs: 1, value: zero };
      builder.entry(EntryType.exemplar, { ...sample, labels: [] });
      builder.entry(EntryType.unverified, { ...sample, tenant: '', flags: 0, receivedAtUs: 0 });
      builder.flush(1);
      return builder.sealed[0]!.payload;
    });
    expect(payloads[0]).toEqual(payloads[1]);
    const { samples, finals } = decodeSeriesRecord(payloads[0]!).entries;
    expect(samples.values[0]).toBe(-0);
    expect(finals[0]!.min).toBe(0);
  });

  it('never seals more bytes than its bound, whatever the entries hold', () => {
    const text = 'ö'.repeat(1000);
    const labels = Array.from({ length: 60 }, (_, i): [string, string] => [`label${i}`, text]);
    const builder = builderOf(300_000);
    for (let offset = 0; offset < 20; offset += 1) {
      builder.begin(offset);
      builder.entry(EntryType.definition, {
        fingerprint: FINGERPRINT,
        tenant: 'default',
        labels,
        kind: 0,
        seenUs: 1,
      });
      for (let i = 0; i < 100; i += 1) builder.sample(LANES, 0, i, i, 0);
      // Alternating types: a run each.
      for (let i = 0; i < 100; i += 1) {
        builder.entry(EntryType.metadata, { tenant: '', metric: '', type: '', help: '', unit: '' });
        builder.sample(LANES, 0, i, i, 0);
      }
    }
    builder.flush(20);
    const sizes = builder.sealed.map(({ payload }) => payload.length);
    expect(sizes.length).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(300_000 + 200);
    const addresses = builder.sealed.flatMap(({ payload }) =>
      listEntries(payload).map(({ address }) => `${address.offset}.${address.ordinal}`),
    );
    const expected = Array.from({ length: 20 }, (_, offset) =>
      Array.from({ length: 301 }, (_item, ordinal) => `${offset}.${ordinal}`),
    );
    expect(addresses).toEqual(expected.flat());
  });

  it('refuses to end a record below entries it holds', () => {
    const builder = builderOf(10_000);
    builder.begin(3);
    builder.flush(3);
    builder.sample(LANES, 0, 1, 1, 0);
    expect(() => builder.flush(3)).toThrow(/3\.1/);
    builder.flush(4);
    expect(builder.sealed.map(({ to }) => to.offset)).toEqual([3, 4]);
  });
});
