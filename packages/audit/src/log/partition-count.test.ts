import { DISPOSITIONS, SampleKind } from '@millrace/model';
import { dataRecord, logStart, type TestSample } from '@millrace/transformer/testing';
import { expect, test } from 'vitest';
import { RecordList } from '../record-list.ts';
import { SampleTable } from '../sample-table.ts';
import { SeriesTable } from '../series-table.ts';
import { PartitionCount } from './partition-count.ts';
import type { LogTables } from './record-slots.ts';

const AT_US = 1_700_000_000_000_000;

test('a dead letter that is sent again has its row once, and events are stored', () => {
  const { tables, count, send } = counting();
  const gauge: TestSample = { labels: { __name__: 'g' }, timeUs: AT_US, value: 1 };
  const event = { ...gauge, labels: { __name__: 'e' }, kind: SampleKind.event, value: 2 };
  send([gauge, event]);
  send([gauge, event], 'redrive');
  expect(Array.from(tables.samples.must.subarray(0, 2))).toEqual([1, 1]);
  // The store refused the event when it came first: there is one row, or there are two.
  expect(Array.from(tables.samples.may.subarray(0, 2))).toEqual([0, 1]);
  const tally = count.tallies().get('default')!;
  const most = Object.fromEntries(
    DISPOSITIONS.map((column) => [column, tally.bounds(column).most]),
  );
  expect(most).toMatchObject({ stored: 3, duplicate: 0, conflict: 0, unverified: 2 });
  expect(tally.accepted).toBe(4);
});

test('a letter of which the log does not hold the first record is expected all the same', () => {
  const { tables, send } = counting();
  send([{ labels: { __name__: 'g' }, timeUs: AT_US, value: 1 }], 'redrive');
  expect(tables.samples.must[0]).toBe(1);
});

test('a record that was appended twice counts once', () => {
  const { count, send } = counting();
  send([{ labels: { __name__: 'g' }, timeUs: AT_US, value: 1 }], 'test', 1);
  send([{ labels: { __name__: 'g' }, timeUs: AT_US, value: 1 }], 'test', 1);
  expect(count.tallies().get('default')!.accepted).toBe(1);
  expect(count.appendedAgain).toBe(1);
});

/** A partition that has begun, and a way to send it samples. */
function counting(): {
  tables: LogTables;
  count: PartitionCount;
  send: (samples: readonly TestSample[], protocol?: string, sequence?: number) => void;
} {
  const tables = {
    ...{ series: new SeriesTable(), samples: new SampleTable(8), records: new RecordList() },
    tenants: [],
  };
  const everything = { fromUs: -Infinity, untilUs: Infinity, slices: 1, slice: 0 };
  const count = new PartitionCount(0, 0, tables, everything);
  let offset = 0;
  for (const { record, appendTimeUs } of logStart()) {
    count.count(record, { offset, appendTimeUs }, false);
    offset += 1;
  }
  const send = (samples: readonly TestSample[], protocol = 'test', sequence = offset): void => {
    const record = { ...dataRecord({ samples, receivedAtUs: AT_US, sequence }), protocol };
    count.count(record, { offset, appendTimeUs: AT_US }, false);
    offset += 1;
  };
  return { tables, count, send };
}
