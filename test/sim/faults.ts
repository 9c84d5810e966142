import { MillraceError } from '@millrace/runtime';

/** How often things go wrong, as shares of calls. */
export interface FaultRates {
  /** The call fails and did nothing. */
  fail: number;
  /** The call did what it should, and its answer is lost. */
  lostAnswer: number;
  /** The call is done twice (a retry inside a client library). */
  twice: number;
  /** An append fails, and its record appears in the log all the same: later. */
  late: number;
  lateMsMax: number;
  slow: number;
  slowMsMax: number;
  /** The process dies right before the call, or right after it. */
  crash: number;
}

export const NO_FAULTS: FaultRates = {
  fail: 0,
  lostAnswer: 0,
  twice: 0,
  late: 0,
  lateMsMax: 0,
  slow: 0,
  slowMsMax: 0,
  crash: 0,
};

export function simulatedFault(message: string): MillraceError {
  return new MillraceError({ code: 'SIMULATED_FAULT', kind: 'transient', message });
}
