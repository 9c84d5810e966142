import { SampleKind, STALE_NAN_HIGH, STALE_NAN_LOW, type Label } from '@millrace/model';
import { encodeBatch, type BatchFields, type DataRecord } from '@millrace/wire';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PartCutter } from '../parts/part-cutter.ts';
import type { ReceiverSettings } from '../settings.ts';
import type { StartedReceiver } from '../testing/start-receiver.ts';
import { useReceivers } from '../testing/use-receivers.ts';

const start = useReceivers();
const SERIES = 40;
/** So that parts may be small. */
const labelLimits = {
  labelsMax: 2,
  nameBytesMax: 20,
  labelNameBytesMax: 20,
  labelValueBytesMax: 20,
};
const TYPE = { 'content-type': 'application/msgpack' };
const KINDS = [SampleKind.gauge, SampleKind.cumulative, SampleKind.event];
const STALE = new Float64Array(Uint32Array.of(STALE_NAN_LOW, STALE_NAN_HIGH).buffer)[0]!;

afterEach(() => {
  vi.restoreAllMocks();
});

function labelsOf(series: number): Label[] {
  return [
    ['__name__', 'up'],
    ['job', `job-${series}`],
  ];
}

const TABLE: BatchFields['table'] = {
  first: 0,
  kinds: Array.from({ length: SERIES }, (_, i) => KINDS[i % KINDS.length]!),
  labels: Array.from({ length: SERIES }, (_, i) => labelsOf(i)),
};

/** One of few lists of series, so that each comes again and again; undefined: all in order. */
const arbitraryList = fc.constantFrom<number[] | undefined>(
  undefined,
  [3, 1, 2],
  [7, 7, 9, 7],
  Array.from({ length: SERIES }, (_, i) => SERIES - 1 - i),
);

type Values = 'usual' | 'stale' | 'nan' | 'future';
const arbitraryBatch = fc.record({
  list: arbitraryList,
  isOneTime: fc.boolean(),
  /** Whether so many others come before that the receiver forgets all series. */
  isCrowded: fc.oneof(
    { arbitrary: fc.constant(false), weight: 6 },
    { arbitrary: fc.constant(true), weight: 1 },
  ),
  values: fc.oneof(
    { arbitrary: fc.constant<Values>('usual'), weight: 8 },
    { arbitrary: fc.constantFrom<Values>('stale', 'nan', 'future'), weight: 1 },
  ),
});
type Shape = typeof arbitraryBatch extends fc.Arbitrary<infer T> ? Omit<T, 'isCrowded'> : never;

const T0_US = 1_700_000_000_000_000;

function batchOf(
  { list, isOneTime, values }: Shape,
  sequence: number,
): Omit<BatchFields, 'session'> {
  const count = list?.length ?? SERIES;
  const column = Float64Array.from({ length: count }, (_, i) => sequence * 1000 + i);
  const timesUs = Array.from(
    { length: isOneTime ? 1 : count },
    (_, i) => T0_US + sequence * 1e6 + i,
  );
  if (values === 'stale') column[1] = STALE;
  if (values === 'nan') column[0] = NaN;
  if (values === 'future') timesUs[timesUs.length - 1] = (Date.now() + 86_400_000) * 1000;
  const series = list === undefined ? {} : { series: Uint32Array.from(list) };
  return { producer: 'p', sequence, timesUs, values: column, ...series };
}

/** As many other series as make the receiver forget those it has. */
function crowdOf(sequence: number): BatchFields {
  const labels = Array.from({ length: SERIES }, (_, i) => labelsOf(SERIES * (sequence + 1) + i));
  return {
    ...{ producer: 'crowd', session: new Uint8Array(8).fill(99), sequence, timesUs: [1] },
    ...{ table: { first: SERIES * sequence, kinds: [SampleKind.gauge], labels } },
    ...{ series: Uint32Array.of(SERIES * sequence), values: Float64Array.of(1) },
  };
}

async function send(post: StartedReceiver['post'], batch: BatchFields): Promise<Answer> {
  const answer = await post('/v1/batch', Uint8Array.from(encodeBatch(batch)), TYPE);
  const body = (await answer.json()) as object;
  return { status: answer.status, ...body };
}

interface Answer {
  status: number;
  token?: string;
  accepted?: number;
}

/** What does not depend on who sent it, and when. */
function told(records: readonly DataRecord[]): unknown[] {
  return records.map(({ part, refused, seriesIndex, times, values, flags, ...record }) => {
    const { fingerprints, kinds, definitions } = record;
    return { part, refused, seriesIndex, times, values, flags, fingerprints, kinds, definitions };
  });
}

describe('batches of series that came before', () => {
  it('become the same records as those that nobody remembers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryBatch, { minLength: 8, maxLength: 16 }),
        fc.constantFrom(600, 100_000),
        async (shapes, partBytesMax) => {
          const settings: Partial<ReceiverSettings> = {
            partBytesMax,
            labelLimits,
            histogramBytesMax: 100,
            seriesCacheCountMax: 60,
          };
          const remembering = await start({ partitions: 3, settings });
          const forgetful = await start({ partitions: 3, settings });
          for (const [sequence, shape] of shapes.entries()) {
            const batch = { ...batchOf(shape, sequence), table: TABLE };
            const crowd = crowdOf(sequence);
            const answers: unknown[] = [];
            for (const [post, session] of [
              [remembering.post, new Uint8Array(8)],
              [forgetful.post, new Uint8Array(8).fill(sequence + 1)],
            ] as const) {
              if (shape.isCrowded) await send(post, crowd);
              const { token: _token, ...answer } = await send(post, { ...batch, session });
              answers.push(answer);
            }
            expect(answers[0]).toEqual(answers[1]);
            expect(answers[0]).not.toMatchObject({ accepted: 0 });
          }
          expect(told(await remembering.records())).toEqual(told(await forgetful.records()));
        },
      ),
      { numRuns: 10 },
    );
  });

  it('are placed without a look at each sample, from the third time on', async () => {
    const { post, records } = await start({ partitions: 2 });
    const placed = vi.spyOn(PartCutter.prototype, 'place');
    const calls: number[] = [];
    for (let sequence = 0; sequence < 4; sequence += 1) {
      const batch = batchOf({ list: [3, 1, 2], isOneTime: true, values: 'usual' }, sequence);
      const table = sequence === 0 ? { table: TABLE } : {};
      const body = encodeBatch({ ...batch, session: new Uint8Array(8), ...table });
      expect((await post('/v1/batch', Uint8Array.from(body), TYPE)).status).toBe(200);
      calls.push(placed.mock.calls.length);
    }
    expect(calls).toEqual([3, 6, 6, 6]);
    const found = await records();
    expect(found.reduce((sum, { values }) => sum + values.length, 0)).toBe(12);
  });
});
