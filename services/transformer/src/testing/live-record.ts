import { ADDRESS_ZERO } from '@millrace/model';
import { FOLD_VERSION, LIVE_SOURCE, SeriesRecordBuilder } from '@millrace/wire';
import { TEST_LOG_ID } from './fold-run.ts';

/** What live folding puts out of a log's first records: jobs wait for it. */
export function liveRecord(logNumber: number, logId: string = TEST_LOG_ID): Uint8Array {
  const head = { logId, logNumber, source: LIVE_SOURCE, foldVersion: FOLD_VERSION };
  const builder = new SeriesRecordBuilder(head, ADDRESS_ZERO, 1000);
  builder.flush(2);
  return builder.sealed[0]!.payload;
}
