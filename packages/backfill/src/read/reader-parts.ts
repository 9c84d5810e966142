import type { SeriesCache } from './file-series.ts';
import type { RecordSink } from './record-sink.ts';
import type { SampleTime } from './sample-time.ts';

/** What every reader works with. */
export interface ReaderParts {
  sink: RecordSink;
  series: SeriesCache;
  time: SampleTime;
}
