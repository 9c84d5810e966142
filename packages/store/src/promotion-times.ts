import type { TimeUs } from '@millrace/model';

/** An edition that is to be shown of a rule, and what it takes the place of. */
export interface Succession {
  rule: string;
  edition: number;
  widthsUs: readonly TimeUs[];
  /** Of the edition that is served now; empty: none is. */
  widthsBeforeUs: readonly TimeUs[];
  /** From which window start on windows are whole, for each width. */
  wholeUs: readonly TimeUs[];
}

const SECOND_US = 1_000_000;

/** Every so many microseconds windows of all these widths begin; widths are whole seconds. */
export function commonStepUs(widthsUs: readonly TimeUs[]): TimeUs {
  const seconds = widthsUs.map((widthUs) => Math.max(1, Math.round(widthUs / SECOND_US)));
  return seconds.reduce((a, b) => (a / divisor(a, b)) * b, 1) * SECOND_US;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** The last time that is not behind, at which windows of all widths begin. */
export function alignedUs(timeUs: TimeUs, widthsUs: readonly TimeUs[]): TimeUs {
  const stepUs = commonStepUs(widthsUs);
  return Math.floor(timeUs / stepUs) * stepUs;
}

/**
 * The earliest time from which on it can be shown: at it windows of all its widths begin, and of
 * those of the edition before, so that no window of either is cut, and all from there on are whole.
 */
export function earliestUs({ widthsUs, widthsBeforeUs, wholeUs }: Succession): TimeUs {
  const stepUs = commonStepUs([...widthsUs, ...widthsBeforeUs]);
  return Math.ceil(Math.max(...wholeUs) / stepUs) * stepUs;
}
