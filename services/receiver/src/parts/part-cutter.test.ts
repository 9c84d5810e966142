import { SampleKind, sortLabels, type Label } from '@millrace/model';
import {
  DefinitionReader,
  encodeEventsRecord,
  EventsRecordKind,
  IdentityKind,
  type DataRecord,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartCutter } from './part-cutter.ts';
import { Rejections } from '../requests/rejections.ts';
import { RequestDraft } from '../requests/request-draft.ts';
import { UNKNOWN_SERIES } from '../series/series-cache.ts';
import type { DraftPart } from './part-builder.ts';

interface Item {
  series: number;
  kind: SampleKind;
  late: boolean;
  id: string | undefined;
}

const PARTITIONS = 3;
const PART_BYTES_MAX = 600;

const item: fc.Arbitrary<Item> = fc.record({
  series: fc.nat(7),
  kind: fc.constantFrom(SampleKind.gauge, SampleKind.event),
  late: fc.boolean(),
  id: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
});

function newCutter(seriesCountMax = 1000): PartCutter {
  return new PartCutter({
    tenant: 'default',
    partitions: PARTITIONS,
    partBytesMax: PART_BYTES_MAX,
    seriesCountMax,
    seriesBytesMax: 1024 * 1024 * 1024,
    definitions: { definitionIntervalMs: 60_000, definitionsBetweenMax: 1000 },
    onSeriesForgotten: () => undefined,
  });
}

function labelsOf(series: number): readonly Label[] {
  return sortLabels([
    ['__name__', `metric_${series % 3}`],
    ['instance', `host-${series}`],
    ['zone', 'ä'.repeat(series)],
  ]);
}

/** Ordinals of the request's items, by part, refused ones included. */
interface CutItems {
  partition: number;
  part: number;
  kept: number[];
  refused: number[];
}

/** Cuts items; the value of a sample is its number in the request. */
function cut(cutter: PartCutter, items: readonly Item[], latestUs: number): DraftPart[] {
  const rejections = new Rejections({ examplesMax: 1, exampleLengthMax: 10 });
  const draft = new RequestDraft({ cutter, rejections, latestUs, unit: undefined });
  cutter.begin({ nowUs: 0, definesAll: false });
  for (const [i, { series, kind, late, id }] of items.entries()) {
    const key = Buffer.from(`series ${series}`);
    const found = cutter.series.find(key, 0, key.length);
    const known =
      found === UNKNOWN_SERIES ? cutter.series.add(key, 0, key.length, labelsOf(series)) : found;
    draft.sample(i, known, kind, late ? 2 : 1 - i / 1000, i, 0, id === undefined ? {} : { id });
  }
  return [...cutter.finish().drafts];
}

/** Where every item went, seen from the log: what was refused is told by its ordinals alone. */
function itemsOf(drafts: readonly DraftPart[]): CutItems[] {
  return drafts.map(({ partition, part, values, refused }) => {
    return { partition, part, kept: [...values], refused: [...refused] };
  });
}

function encoded(draft: DraftPart): { record: DataRecord; bytes: number } {
  const { partition: _partition, learned: _learned, ...body } = draft;
  const record: DataRecord = {
    kind: EventsRecordKind.data,
    tenant: '',
    protocol: '',
    identityKind: IdentityKind.none,
    identity: new Uint8Array(0),
    receiver: '00',
    sequence: 1,
    cumulativeSamples: 1,
    acknowledgedSamples: 0,
    acknowledgedFrom: -1,
    receivedAtUs: 0,
    ...body,
  };
  return { record, bytes: encodeEventsRecord(record).length };
}

describe('PartCutter', () => {
  it('cuts a request at the same places whatever is refused of it', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 120 }), (items) => {
        const all = itemsOf(cut(newCutter(), items, 2));
        const some = itemsOf(cut(newCutter(), items, 1));
        for (const part of some) {
          const whole = all.find((a) => a.partition === part.partition && a.part === part.part)!;
          // Ordinals count all items of the part: those kept are the ones between the refused.
          const kept = whole.kept.filter((_, ordinal) => !part.refused.includes(ordinal));
          expect(part.kept).toEqual(kept);
          const refused = part.refused.map((ordinal) => items[whole.kept[ordinal]!]!.late);
          expect(refused.every(Boolean)).toBe(true);
        }
        const kept = some.flatMap((part) => part.kept).toSorted((a, b) => a - b);
        expect(kept).toEqual(items.flatMap(({ late }, i) => (late ? [] : [i])));
      }),
    );
  });

  it('cuts a request at the same places whatever the series cache holds or forgets', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 60 }),
        fc.array(item, { maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        (before, items, countMax) => {
          const small = newCutter(countMax);
          cut(small, before, 2);
          const forgetful = cut(small, items, 2);
          const fresh = cut(newCutter(), items, 2);
          expect(itemsOf(forgetful)).toEqual(itemsOf(fresh));
          for (const [i, draft] of forgetful.entries()) {
            const one = describeSamples(draft);
            expect(one).toEqual(describeSamples(fresh[i]!));
          }
        },
      ),
    );
  });

  it('cuts a request at the same places whatever the log has the labels of', () => {
    const items = fc.array(item, { maxLength: 60 });
    fc.assert(
      fc.property(items, items, fc.boolean(), (before, sent, acknowledged) => {
        const knowing = newCutter();
        for (const { learned } of cut(knowing, before, 2)) if (acknowledged) learned?.();
        expect(itemsOf(cut(knowing, sent, 2))).toEqual(itemsOf(cut(newCutter(), sent, 2)));
      }),
    );
  });

  it('keeps every sample with its series, in the order of the request', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 120 }), (items) => {
        const last = new Map<number, number>();
        const drafts = cut(newCutter(), items, 2);
        for (const draft of drafts.toSorted((a, b) => a.part - b.part)) {
          for (const { value, labels, kind, id } of describeSamples(draft)) {
            const sent = items[value]!;
            expect(labels).toEqual(labelsOf(sent.series));
            expect(kind).toBe(sent.kind);
            expect(id).toBe(sent.id);
            expect(value).toBeGreaterThan(last.get(draft.partition) ?? -1);
            last.set(draft.partition, value);
          }
        }
        expect(drafts.reduce((sum, draft) => sum + draft.values.length, 0)).toBe(items.length);
      }),
    );
  });

  it.each([0, 1, 30])('makes no record larger than its measure (series: %i)', (seriesMax) => {
    const samples = fc.array(
      fc.record({
        series: fc.nat(seriesMax),
        kind: fc.constant(SampleKind.gauge),
        late: fc.constant(false),
        id: fc.option(fc.string({ maxLength: 40, unit: 'grapheme' }), { nil: undefined }),
      }),
      { minLength: 20, maxLength: 200 },
    );
    const [one] = cut(newCutter(), [{ series: 1, kind: 0, late: false, id: undefined }], 1);
    const headerBytesMax = encoded(one!).bytes;
    fc.assert(
      fc.property(samples, (items) => {
        for (const draft of cut(newCutter(), items, 1)) {
          const unmeasured = 4 * draft.definitions.rows.length;
          expect(encoded(draft).bytes).toBeLessThan(PART_BYTES_MAX + unmeasured + headerBytesMax);
        }
      }),
    );
  });

  it('leaves drafts of a cut request valid while the next one is decoded', () => {
    const cutter = newCutter();
    const items = Array.from({ length: 200 }, (_, i): Item => {
      return { series: i % 8, kind: SampleKind.gauge, late: false, id: undefined };
    });
    const drafts = cut(cutter, items, 2);
    const before = drafts.map(describeSamples);
    expect(drafts.length).toBeGreaterThan(PARTITIONS);
    cut(cutter, items.toReversed(), 2);
    expect(drafts.map(describeSamples)).toEqual(before);
  });

  it('forgets a request that was abandoned', () => {
    const cutter = newCutter();
    const key = Buffer.from('a');
    const series = cutter.series.add(key, 0, 1, labelsOf(1));
    cutter.begin({ nowUs: 0, definesAll: false });
    cutter.place(series, SampleKind.gauge, 21).sample(series, SampleKind.gauge, 1, 1, 0);
    cutter.begin({ nowUs: 0, definesAll: false });
    expect(cutter.finish().drafts).toEqual([]);
  });

  it('appends nothing for a part of which all samples are refused', () => {
    const items = [{ series: 1, kind: SampleKind.gauge, late: true, id: undefined }];
    expect(cut(newCutter(), items, 1)).toEqual([]);
  });
});

function describeSamples(draft: DraftPart) {
  const definitions = new DefinitionReader(draft.definitions);
  const ids = draft.ids.values();
  return Array.from(draft.values, (value, i) => {
    const series = draft.seriesIndex[i]!;
    const withId = (draft.flags[i]! & 16) !== 0;
    return {
      value,
      labels: definitions.labels(series),
      kind: draft.kinds[series],
      fingerprint: Buffer.from(draft.fingerprints.subarray(series * 16, series * 16 + 16)).toString(
        'hex',
      ),
      id: withId ? ids.next().value : undefined,
    };
  });
}
