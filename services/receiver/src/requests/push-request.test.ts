import { decodePush, type PushFormat } from '@millrace/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ArrivalClock } from './arrival-clock.ts';
import { PartCutter } from '../parts/part-cutter.ts';
import { PushRequest } from './push-request.ts';
import { Rejections, type RejectedSamples } from './rejections.ts';
import { RequestDraft } from './request-draft.ts';

const NOW_US = 1_796_000_000_000_000;

interface Taken {
  /** Values are numbers of samples in the request. */
  parts: { partition: number; part: number; kept: number[]; refused: number[] }[];
  rejected: RejectedSamples[];
  samplesAreIdentified: boolean;
}

function take(body: string, format: PushFormat): Taken {
  const cutter = new PartCutter({
    ...{ tenant: 'default', partitions: 2, partBytesMax: 400, seriesCountMax: 100 },
    seriesBytesMax: 1024 * 1024,
    definitions: { definitionIntervalMs: 60_000, definitionsBetweenMax: 1000 },
    onSeriesForgotten: () => undefined,
  });
  const rejections = new Rejections({ examplesMax: 1, exampleLengthMax: 99 });
  const draft = new RequestDraft({ cutter, rejections, latestUs: NOW_US, unit: undefined });
  const clock = { nowUs: () => NOW_US, sleep: () => new Promise<never>(() => undefined) };
  const sink = new PushRequest({
    ...{ draft, series: cutter.seriesByLabels, receivedAtUs: NOW_US },
    arrivals: new ArrivalClock(clock),
  });
  cutter.begin({ nowUs: NOW_US, definesAll: false });
  decodePush(Buffer.from(body), format, sink);
  const parts = cutter.finish().drafts.map(({ partition, part, values, refused }) => {
    return { partition, part, kept: [...values], refused: [...refused] };
  });
  const { samplesAreIdentified } = draft;
  return { parts, rejected: rejections.list(), samplesAreIdentified };
}

const sample = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'longer_than_others'),
  isInSeconds: fc.boolean(),
  kind: fc.constantFrom('gauge', 'event'),
  id: fc.option(fc.string({ minLength: 1, maxLength: 40 }), { nil: undefined }),
});

// Releases of before took them for milliseconds of 1970, as the RFC 3339 text of those is taken.
it('cuts a request with times in seconds as one with the same times as text', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), (samples) => {
      const [asNumbers, asText] = [false, true].map((isText) => {
        const body = samples.map(({ isInSeconds, id, ...rest }, value) => {
          const fields = rest.kind === 'event' ? { ...rest, id } : rest;
          const seconds = 1_795_000_000 + value;
          const timeMs = isInSeconds ? seconds : seconds * 1000;
          const time = isText ? new Date(timeMs).toISOString() : timeMs;
          return { ...fields, value, time };
        });
        return take(JSON.stringify(body), 'json');
      }) as [Taken, Taken];
      expect(asText.rejected).toEqual([]);
      expect(asNumbers.samplesAreIdentified).toBe(asText.samplesAreIdentified);
      const inSeconds = samples.flatMap(({ isInSeconds }, i) => (isInSeconds ? [i] : []));
      expect(asNumbers.rejected.map(({ count }) => count)).toEqual(
        inSeconds.length === 0 ? [] : [inSeconds.length],
      );
      // A part of which nothing is kept is not appended.
      const wanted = asText.parts.map(({ kept, ...where }) => {
        const refusedOrdinals = kept.flatMap((at, i) => (inSeconds.includes(at) ? [i] : []));
        const others = kept.filter((at) => !inSeconds.includes(at));
        return { ...where, kept: others, refused: refusedOrdinals };
      });
      expect(asNumbers.parts).toEqual(wanted.filter(({ kept }) => kept.length > 0));
      refused += inSeconds.length;
    }),
  );
  expect(refused).toBeGreaterThan(100);
});

it('refuses an id of what is no event, and cuts the request as if it had taken it', () => {
  const labels = { zone: 'z'.repeat(40) };
  const sent = Array.from({ length: 20 }, (_, value) => {
    const id = value % 3 === 0 ? `an id of ${value}` : undefined;
    return { name: 'a', labels, value, time: 1_795_000_000_000 + value, kind: 'event', id };
  });
  const events = take(JSON.stringify(sent), 'json');
  const deltas = take(JSON.stringify(sent.map((one) => ({ ...one, kind: 'delta' }))), 'json');
  expect(deltas.rejected).toMatchObject([{ reason: 'invalid_id', count: 7 }]);
  expect(events.parts.length).toBeGreaterThan(1);
  const wanted = events.parts.map(({ kept, ...where }) => {
    const refused = kept.flatMap((value, i) => (value % 3 === 0 ? [i] : []));
    return { ...where, kept: kept.filter((value) => value % 3 !== 0), refused };
  });
  expect(deltas.parts).toEqual(wanted);
});

it('tells what is wrong with a time in seconds, and what to send', () => {
  const taken = take('[{"name":"a","value":1,"time":1795998558}]', 'json');
  expect(taken.parts).toEqual([]);
  expect(taken.rejected).toEqual([
    {
      reason: 'time_out_of_range',
      count: 1,
      examples: ['sample 0: the time is 1795998558, which are seconds and not milliseconds'],
      remedy: expect.stringContaining('RFC 3339'),
    },
  ]);
});
