import { MillraceError } from '@millrace/runtime';

/** Bounds at which the receiver says 503. */
export type OverloadBound = 'in_flight_bytes' | 'append_age' | 'waiters';

/** Never a verdict on the request: the same one may be sent again, and will be taken. */
export class OverloadError extends MillraceError {
  readonly bound: OverloadBound;

  constructor(bound: OverloadBound, detail: string) {
    super({
      code: 'RECEIVER_OVERLOADED',
      kind: 'transient',
      message: `The receiver cannot take the request now: ${detail}. It is not acknowledged.`,
      remedy: 'Send the same request again after the time in Retry-After.',
    });
    this.name = 'OverloadError';
    this.bound = bound;
  }
}
