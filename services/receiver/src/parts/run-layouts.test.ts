import { sortLabels, type Label } from '@millrace/model';
import {
  compressSnappy,
  decodeWriteRequest,
  encodeWriteRequest,
  type MetricMetadata,
  type WriteSeries,
} from '@millrace/wire';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PartCutter } from './part-cutter.ts';
import { Rejections } from '../requests/rejections.ts';
import { RemoteWriteRequest } from '../requests/remote-write-request.ts';
import { RequestDraft } from '../requests/request-draft.ts';

const SERIES = 40;
const T0 = 1_700_000_000_000;
const LATEST_US = (T0 + 1_000_000) * 1000;
const LIMITS = { labelsMax: 9, nameBytesMax: 99, labelNameBytesMax: 99, labelValueBytesMax: 99 };

function newCutter(partBytesMax = 100_000): PartCutter {
  return new PartCutter({
    ...{ tenant: 'default', partitions: 3, partBytesMax, seriesCountMax: 60 },
    seriesBytesMax: 1024 * 1024 * 1024,
    definitions: { definitionIntervalMs: 3_600_000, definitionsBetweenMax: 1000 },
    onSeriesForgotten: () => undefined,
  });
}

function labelsOf(series: number): readonly Label[] {
  return sortLabels([
    ['__name__', 'requests_total'],
    ['instance', `host-${series}.example.org`],
  ]);
}

/** One of few lists of series, so that each comes again and again, none in the way of another. */
const arbitraryList = fc.constantFrom<number[]>(
  [3, 1, 2],
  [7, 7, 9, 7],
  Array.from({ length: SERIES - 10 }, (_, i) => SERIES - 1 - i),
);
const arbitraryRequest = fc.record({
  list: arbitraryList,
  isOneTime: fc.boolean(),
  /** So many others come before: the receiver forgets all series. */
  isCrowded: fc.oneof(
    { arbitrary: fc.constant(false), weight: 6 },
    { arbitrary: fc.constant(true), weight: 1 },
  ),
  /** What is not as it was before, and where. */
  unusual: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 8 },
    {
      arbitrary: fc.record({
        what: fc.constantFrom<Unusual>(
          'future',
          'stale',
          'twice',
          'exemplar',
          'early',
          'seconds',
          'metadata',
        ),
        isFirst: fc.boolean(),
      }),
      weight: 3,
    },
  ),
  isAcknowledged: fc.boolean(),
});
type Unusual = 'future' | 'stale' | 'twice' | 'exemplar' | 'early' | 'seconds' | 'metadata';
type Shape = typeof arbitraryRequest extends fc.Arbitrary<infer T> ? T : never;

const METADATA: MetricMetadata = { metric: 'requests_total', type: 'counter', help: 'h', unit: '' };

function requestOf({ list, isOneTime, unusual }: Shape, step: number): Uint8Array {
  const series = list.map((one, i): WriteSeries => {
    const timestampMs = T0 + step * 1000 + (isOneTime ? 0 : i);
    return { labels: labelsOf(one), samples: [[timestampMs, step * 1000 + i]] };
  });
  const at = unusual?.isFirst === true ? 0 : series.length - 1;
  const { labels, samples } = series[at]!;
  const [timestampMs, value] = samples[0]!;
  const unusually: Partial<Record<Unusual, WriteSeries>> = {
    future: { labels, samples: [[T0 + 2_000_000, value]] },
    stale: { labels, samples: [[timestampMs, value, true]] },
    twice: { labels, samples: [...samples, [timestampMs + 500, value]] },
    exemplar: { labels, samples, exemplars: [{ timestampMs, value, labels: [] }] },
    early: { labels, samples: [[-(2 ** 60), value]] },
    seconds: { labels, samples: [[Math.floor(timestampMs / 1000), value]] },
  };
  series[at] = unusually[unusual?.what ?? 'metadata'] ?? series[at]!;
  return encodeWriteRequest(series, unusual?.what === 'metadata' ? [METADATA] : []);
}

function crowdOf(step: number): Uint8Array {
  const series = Array.from({ length: SERIES }, (_, i) => labelsOf(SERIES * (step + 1) + i));
  return encodeWriteRequest(series.map((labels) => ({ labels, samples: [[T0, 1]] })));
}

/** What becomes of a request, as a copy. */
function take(cutter: PartCutter, plain: Uint8Array, isAcknowledged: boolean): unknown {
  const rejections = new Rejections({ examplesMax: 3, exampleLengthMax: 99 });
  const unit = 'milliseconds';
  const draft = new RequestDraft({ cutter, rejections, latestUs: LATEST_US, unit });
  cutter.begin({ nowUs: T0 * 1000, definesAll: false });
  const body = cutter.series.uncompress(compressSnappy(plain), 1e9);
  const limits = { labelLimits: LIMITS, histogramBytesMax: 999 };
  const sink = new RemoteWriteRequest({ draft, cutter, ...limits });
  decodeWriteRequest(body!, sink);
  const cut = cutter.finish();
  sink.cut(cut);
  const drafts = cut.drafts.map(({ learned, ...draftPart }) => {
    const copy = structuredClone(draftPart);
    if (isAcknowledged) learned?.();
    return copy;
  });
  cutter.series.rest();
  const { accepted, exemplarsDropped } = draft;
  return { drafts, owned: cut.owned, accepted, exemplarsDropped, rejected: rejections.list() };
}

describe('requests of series that came before', () => {
  it('become the same parts as those that nobody remembers', () => {
    let laidOut = 0;
    fc.assert(
      fc.property(
        fc.array(arbitraryRequest, { minLength: 16, maxLength: 32 }),
        fc.constantFrom(600, 100_000),
        (shapes, partBytesMax) => {
          const remembering = newCutter(partBytesMax);
          const forgetful = newCutter(partBytesMax);
          vi.spyOn(forgetful.runLayouts, 'find').mockReturnValue(undefined);
          const filled = vi.spyOn(remembering, 'fill');
          for (const [step, shape] of shapes.entries()) {
            const plain = requestOf(shape, step);
            const [one, other] = [remembering, forgetful].map((cutter) => {
              if (shape.isCrowded) take(cutter, crowdOf(step), true);
              return take(cutter, plain, shape.isAcknowledged);
            });
            expect(one).toEqual(other);
          }
          laidOut += filled.mock.calls.length;
        },
      ),
      { numRuns: 25 },
    );
    expect(laidOut).toBeGreaterThan(10);
  });

  // The third would be learned, and its last sample is too late in the future: how it was cut would
  // make a layout that has one sample less, for all that come later.
  it('are learned only when they were wholly taken', () => {
    const unusual = { what: 'future', isFirst: false } as const;
    for (const list of [[3, 1, 2], Array.from({ length: SERIES }, (_, i) => i)]) {
      const shape = { list, isOneTime: true, isCrowded: false, unusual: undefined };
      const shapes = [undefined, undefined, unusual, undefined, undefined, undefined, undefined];
      const remembering = newCutter();
      const forgetful = newCutter();
      vi.spyOn(forgetful.runLayouts, 'find').mockReturnValue(undefined);
      const learned = vi.spyOn(remembering.runLayouts, 'learn');
      const filled = vi.spyOn(remembering, 'fill');
      const learnedAt = shapes.map((one, step) => {
        learned.mockClear();
        const plain = requestOf({ ...shape, unusual: one, isAcknowledged: true }, step);
        const taken = take(remembering, plain, true);
        expect(taken).toEqual(take(forgetful, plain, true));
        return learned.mock.calls.length;
      });
      expect(learnedAt).toEqual([0, 0, 0, 1, 0, 0, 0]);
      expect(filled).toHaveBeenCalled();
    }
  });

  it('are laid out from the fourth time on, whatever their times', () => {
    const cutter = newCutter();
    const filled = vi.spyOn(cutter, 'fill');
    const shape = { list: [3, 1, 2], isCrowded: false, unusual: undefined, isAcknowledged: true };
    const calls = [true, true, true, true, false].map((isOneTime, step) => {
      filled.mockClear();
      take(cutter, requestOf({ ...shape, isOneTime }, step), true);
      return filled.mock.calls.length > 0;
    });
    expect(calls).toEqual([false, false, false, true, true]);
  });
});
