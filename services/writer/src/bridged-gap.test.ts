import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordsOf } from './testing/entry-sequence.ts';
import { at, expectedSamples, expectMark, samplesOf, until } from './testing/expectations.ts';
import { WriterBench } from './testing/writer-bench.ts';

let bench: WriterBench;
beforeEach(() => {
  bench = new WriterBench();
});
afterEach(() => bench.stop());

it('what comes between a gap and what continues it is taken, of another source', async () => {
  await bench.append(recordsOf({ position: 4 }));
  // An owner that was further on; what is missing of the live source comes again behind the job.
  await bench.append(recordsOf({ from: at(7), position: 9 }));
  await bench.append(recordsOf({ position: 3, source: 'job-7' }));
  await bench.append(recordsOf({ from: at(4), position: 9 }));
  const { database } = bench;
  bench.start();
  await expectMark(database, 9);
  await until(() => {
    expect(database.marks.find(({ source }) => source === 'job-7')?.mark).toEqual(at(3));
  });
  expect(samplesOf(database)).toEqual(expect.arrayContaining(expectedSamples(0, 9)));
});

it('a job of which something is missing is taken again once it is put out from there', async () => {
  const ofJob = { source: 'job-7' };
  await bench.append(recordsOf({ from: at(2), position: 3, ...ofJob }));
  const { database } = bench;
  const markOf = (source: string) => database.marks.find((one) => one.source === source)?.mark;
  bench.start();
  // The partition goes on without it.
  await bench.append(recordsOf({ position: 4 }));
  await until(() => expect(markOf('live')).toEqual(at(4)));
  expect(markOf('job-7')).toEqual(at(0));
  // Its process lost its state, and begins anew.
  await bench.append(recordsOf({ position: 3, ...ofJob }));
  await bench.append(recordsOf({ from: at(4), position: 6 }));
  await until(() => expect(markOf('live')).toEqual(at(6)));
  expect(markOf('job-7')).toEqual(at(3));
});
