import type { TimeUs } from '@millrace/model';

/** A timestamp that was written as one, not as a number or text that stands for it. */
export class UnixTime {
  readonly us: TimeUs;

  constructor(us: TimeUs) {
    this.us = us;
  }
}
