import type { TimeUs } from '@millrace/model';
import type { FileSeries } from './file-series.ts';

/** Where a record begins. A reader can begin there, and reads the same from then on. */
export interface FilePlace {
  /** Of text a byte of what the file holds without gzip, of Parquet a row. */
  offset: number;
  /** Counted from 1; of Parquet the row. */
  line: number;
}

/** Something in a file that is no sample. */
export interface FileFault {
  line: number;
  /** A character of the line, or the name of a column. */
  column: number | string | undefined;
  /** What is there, as an English clause. */
  what: string;
  /** What could be there instead. */
  expected: string;
}

/** Is told what a file holds, in its order. */
export interface RecordSink {
  /** How many faults there were of so many records does not change that all are told. */
  fault(fault: FileFault): void;
  /** `isStale`: the series ended here, and the value is none. */
  sample(series: FileSeries, timeUs: TimeUs, value: number, isStale: boolean): void;
  /** The samples of a record were told; what follows begins at the place. */
  recordEnd(offset: number, line: number): void;
  /** Resolves when it can take more. Awaited every few thousand records, and at the end. */
  drained(): Promise<void>;
}
