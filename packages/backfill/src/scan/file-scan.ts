import type { TimeUs } from '@millrace/model';
import type { FileFault } from '../read/record-sink.ts';

/** What a file holds, as a first reading of all of it found. */
export interface FileScan {
  path: string;
  /** Of what it holds, and of how it is read: names what is sent of it. */
  digest: string;
  /** Without gzip. */
  bytes: number;
  samples: number;
  /** Left out because their value is NaN. */
  skipped: number;
  series: number;
  /** Whether `series` was counted, or estimated because there are very many. */
  isSeriesExact: boolean;
  /** Of five minutes, that samples of one series lie in, about. */
  windows: number;
  /** Of samples; NaN while there are none. */
  earliestUs: TimeUs;
  latestUs: TimeUs;
  /** Taken as values: Prometheus prints stale markers like that. */
  nans: number;
  faults: number;
  /** Of them, those of the future: when they are sent all the same, the receiver refuses them. */
  futures: number;
  /** The first ones. */
  firstFaults: readonly FileFault[];
  /** By time: how many samples are older than what the caller asked about, in its order. */
  olderThan: readonly number[];
}
