import {
  dataRecord,
  FOLD_VERSIONS,
  logStart,
  newPartitionHead,
  PartitionFold,
  takePages,
  TEST_LOG_ID,
} from '@millrace/transformer/testing';
import { decodeEventsRecord, encodeEventsRecord, SeriesRecordBuilder } from '@millrace/wire';
import { expect, it } from 'vitest';
import { RSS_BYTES_PER_SERIES } from '../e2e/overload-load.ts';

const SERIES = 200_000;
const SERIES_PER_RECORD = 1000;
const RECORDS_PER_COMMIT = 50;
/** What was used for a moment and is not given back yet. */
const SLACK_BYTES = 160 * 1024 * 1024;
const T0 = 1_700_000_000_000_000;

it('a new series costs the transformer no more memory than the manual says', () => {
  const before = process.memoryUsage.rss();
  const source = {
    logId: TEST_LOG_ID,
    logNumber: 1,
    source: 'live',
    foldVersion: FOLD_VERSIONS.at(-1)!,
  };
  const builder = new SeriesRecordBuilder(source, { offset: 0, ordinal: 0 }, 800_000);
  const fold = new PartitionFold(newPartitionHead(TEST_LOG_ID, 1), undefined, builder);
  for (const { record } of logStart()) {
    fold.apply(decodeEventsRecord(encodeEventsRecord(record)), T0);
  }
  for (let i = 0; i < SERIES / SERIES_PER_RECORD; i += 1) {
    const receivedAtUs = T0 + i * 10_000;
    const samples = Array.from({ length: SERIES_PER_RECORD }, (_, j) => ({
      labels: { __name__: 'churn', container: `c-${i}-${j}`, namespace: 'production' },
      timeUs: receivedAtUs,
      value: j,
    }));
    const cumulativeSamples = (i + 1) * SERIES_PER_RECORD;
    const record = dataRecord({ samples, receivedAtUs, sequence: i + 1, cumulativeSamples });
    fold.apply(decodeEventsRecord(encodeEventsRecord(record)), receivedAtUs);
    builder.flush(fold.head.position);
    builder.sealed.length = 0;
    // As a commit does it: pages are taken, and are nobody's afterwards.
    if (i % RECORDS_PER_COMMIT === 0) takePages(fold.head, fold.tables);
  }
  expect(fold.tables!.series.size).toBe(SERIES);
  const grown = process.memoryUsage.rss() - before;
  expect(grown).toBeLessThan(SERIES * RSS_BYTES_PER_SERIES + SLACK_BYTES);
}, 60_000);
