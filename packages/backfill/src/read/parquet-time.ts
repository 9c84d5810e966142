import type { TimeUs } from '@millrace/model';

/** A time that Parquet says is one, whatever its unit there. */
export class ParquetTime {
  readonly us: TimeUs;

  constructor(us: TimeUs) {
    this.us = us;
  }
}
