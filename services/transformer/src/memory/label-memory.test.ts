import { sortLabels, SampleKind, type Label, type LabelSet } from '@millrace/model';
import { DefinitionReader, encodeDefinitions, type DataRecord } from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataRecord } from '../testing/data-record.ts';
import { LABEL_BYTES_MAX, LabelMemory } from './label-memory.ts';
import { LabelPage } from './label-page.ts';

const HOUR_US = 3_600_000_000;
const T0 = 1.7e15;
const IDLE_US = 3 * HOUR_US;
const SERIES = 150;
const KEYS = Uint32Array.from({ length: 4 * SERIES }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
const EMPTY = dataRecord({ samples: [], sequence: 1, receivedAtUs: T0 });

const labelsOf = (s: number): LabelSet => [
  ['__name__', `m${s % 7}`],
  ['host', `h${s}`],
];

/** A record with these series, all of them defined. */
function learn(memory: LabelMemory, series: readonly number[], timeUs: number): void {
  const definitions = encodeDefinitions(series.map(labelsOf));
  const kinds = new Uint8Array(series.length).fill(SampleKind.gauge);
  const keys = Uint32Array.from(series.flatMap((s) => [...KEYS.subarray(4 * s, 4 * s + 4)]));
  const record: DataRecord = { ...EMPTY, kinds, definitions };
  memory.learn(record, new DefinitionReader(definitions), keys, timeUs);
}

function reloaded(memory: LabelMemory, settings: Settings, pages: Map<string, Uint8Array>) {
  const changed = new Map<string, Uint8Array | undefined>();
  memory.takePages(changed);
  for (const [key, page] of changed) pages.set(key, page!);
  expect(pages.size).toBe(Math.ceil(memory.slotsEnd / 64));
  const loaded = new LabelMemory(settings);
  loaded.load(memory.slotsEnd, pages);
  return loaded;
}

type Settings = ConstructorParameters<typeof LabelMemory>[0];

const known = (memory: LabelMemory): number[] =>
  Array.from({ length: SERIES }, (_, s) => s).filter((s) => {
    const labels = memory.labels(KEYS, 4 * s);
    if (labels !== undefined) expect(labels).toEqual(labelsOf(s));
    return labels !== undefined;
  });

describe('LabelMemory', () => {
  it('knows the same, and forgets the same, with and without restarts', () => {
    const step = fc.record({
      series: fc.uniqueArray(fc.nat(SERIES - 1), { maxLength: 40 }),
      laterUs: fc.oneof(fc.constant(0), fc.nat(2 * HOUR_US)),
      reload: fc.boolean(),
    });
    const params = [fc.array(step, { maxLength: 30 }), fc.integer({ min: 8, max: 160 })] as const;
    fc.assert(
      fc.property(...params, (steps, labelSetsMax) => {
        const settings = { labelSetsMax, seriesIdleUs: IDLE_US };
        const plain = new LabelMemory(settings);
        let other = new LabelMemory(settings);
        const pages = new Map<string, Uint8Array>();
        let nowUs = T0;
        for (const { series, laterUs, reload } of steps) {
          nowUs += laterUs;
          for (const memory of [plain, other]) {
            memory.expire(Math.floor(nowUs / 1e6));
            learn(memory, series, nowUs);
          }
          expect(other.bound()).toEqual(plain.bound());
          expect(plain.size).toBeLessThanOrEqual(labelSetsMax);
          expect(known(other)).toEqual(known(plain));
          if (reload) other = reloaded(other, settings, pages);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps what was defined within its time, and nothing much longer', () => {
    const sight = fc.record({ series: fc.nat(20), laterUs: fc.nat(HOUR_US) });
    fc.assert(
      fc.property(fc.array(sight, { maxLength: 60 }), (sights) => {
        const memory = new LabelMemory({ labelSetsMax: 100, seriesIdleUs: IDLE_US });
        const definedUs = new Map<number, number>();
        let nowUs = T0;
        for (const { series, laterUs } of sights) {
          nowUs += laterUs;
          memory.expire(Math.floor(nowUs / 1e6));
          learn(memory, [series], nowUs);
          definedUs.set(series, nowUs);
          const there = new Set(known(memory));
          for (const [s, atUs] of definedUs) {
            if (nowUs - atUs <= IDLE_US) expect(there.has(s)).toBe(true);
            if (nowUs - atUs > IDLE_US + HOUR_US + 1e6) expect(there.has(s)).toBe(false);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is bounded by the bytes of labels too, and tells whose were forgotten', () => {
    const memory = new LabelMemory({ labelSetsMax: 10, seriesIdleUs: IDLE_US });
    const forgotten: number[] = [];
    memory.onForget = (keys, at) => forgotten.push(KEYS.indexOf(keys[at]!) / 4);
    for (let s = 0; s < 4; s += 1) {
      const labels: LabelSet = [['a', 'x'.repeat(LABEL_BYTES_MAX * 3)]];
      const definitions = encodeDefinitions([labels]);
      const record = { ...EMPTY, kinds: Uint8Array.of(SampleKind.gauge), definitions };
      const keys = KEYS.slice(4 * s, 4 * s + 4);
      memory.learn(record, new DefinitionReader(definitions), keys, T0);
    }
    expect(memory.bound()).toEqual({ byNumber: 0, byBytes: 2 });
    expect(forgotten).toEqual([0, 1]);
    expect(memory.bound()).toEqual({ byNumber: 0, byBytes: 0 });
  });

  it('counts what its number did not ask for among those of the bytes', () => {
    const memory = new LabelMemory({ labelSetsMax: 10, seriesIdleUs: IDLE_US });
    const long: LabelSet = [['a', 'x'.repeat(LABEL_BYTES_MAX * 3)]];
    const learnNext = (s: number): void => {
      const definitions = encodeDefinitions([s < 6 ? labelsOf(s) : long]);
      const record = { ...EMPTY, kinds: Uint8Array.of(SampleKind.gauge), definitions };
      const keys = KEYS.slice(4 * s, 4 * s + 4);
      memory.learn(record, new DefinitionReader(definitions), keys, T0);
    };
    for (let s = 0; s < 10; s += 1) learnNext(s);
    // Ten may be there, of which four are too long for all.
    expect(memory.bound()).toEqual({ byNumber: 0, byBytes: 8 });
    for (let s = 10; s < 19; s += 1) learnNext(s);
    // More than ten: down to eight they go by their number.
    expect(memory.bound()).toEqual({ byNumber: 3, byBytes: 6 });
    expect(memory.size).toBe(2);
  });

  it('keeps what was defined until three eighths of its bound were defined since', () => {
    const step = fc.uniqueArray(fc.nat(SERIES - 1), { maxLength: 20 });
    const steps = fc.array(step, { minLength: 10, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.constantFrom(16, 40, 64), (all, max) => {
        const memory = new LabelMemory({ labelSetsMax: max, seriesIdleUs: IDLE_US });
        const definitions: number[] = [];
        for (const [i, series] of all.entries()) {
          // All within the hour.
          learn(memory, series, T0 + i);
          memory.bound();
          definitions.push(...series);
          const newest = definitions.slice(-Math.floor((3 / 8) * max));
          const forgotten = newest.filter((s) => memory.labels(KEYS, 4 * s) === undefined);
          expect(forgotten).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does not write pages again for what is defined again within the hour', () => {
    const memory = new LabelMemory({ labelSetsMax: 1000, seriesIdleUs: IDLE_US });
    const pages = new Map<string, Uint8Array | undefined>();
    const all = Array.from({ length: SERIES }, (_, s) => s);
    learn(memory, all, T0);
    memory.takePages(pages);
    expect([...pages.keys()]).toEqual(['l0', 'l1', 'l2']);
    pages.clear();
    learn(memory, all, T0 + HOUR_US - 1);
    memory.takePages(pages);
    expect(pages.size).toBe(0);
    learn(memory, [3], T0 + HOUR_US);
    memory.takePages(pages);
    expect([...pages.keys()]).toEqual(['l0']);
  });
});

describe('LabelPage', () => {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  const labelSet = fc
    .dictionary(text, text, { maxKeys: 4, noNullPrototype: true })
    .map((labels): LabelSet => sortLabels(Object.entries(labels)));

  it('gives back what was set, without what is not used', () => {
    const places = fc.array(fc.tuple(labelSet, fc.boolean()), { maxLength: 64 });
    fc.assert(
      fc.property(places, (sets) => {
        const page = new LabelPage();
        for (const [place, [labels]] of sets.entries()) page.set(place, labels);
        const bytes = page.encode((place) => sets[place]?.[1] === true);
        const read = LabelPage.decode(bytes);
        for (let place = 0; place < 64; place += 1) {
          const [labels, isUsed] = sets[place] ?? [undefined, false];
          expect(read.labels(place)).toEqual(isUsed ? labels : undefined);
        }
        expect(read.encode(() => true)).toEqual(bytes);
      }),
    );
  });

  it('holds what series have in common once', () => {
    const page = new LabelPage();
    const names = Array.from({ length: 9 }, (_, i) => `name-${i}`);
    for (let s = 0; s < 64; s += 1) {
      const common = names.map((name): Label => [name, 'a value of some length']);
      page.set(s, [...common, ['instance', `host-${s}`]]);
    }
    expect(page.encode(() => true).length / 64).toBeLessThan(40);
  });

  it('refuses bytes that are cut off or do not fit', () => {
    const page = new LabelPage();
    page.set(3, labelsOf(1));
    const bytes = page.encode(() => true);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(() => LabelPage.decode(bytes.subarray(0, end))).toThrow(
        expect.objectContaining({ code: 'STATE_INCOMPLETE' }),
      );
    }
    expect(() => LabelPage.decode(Uint8Array.of(...bytes, 0))).toThrow(/too long/);
    expect(() => LabelPage.decode(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff))).toThrow(/labels/);
  });
});
