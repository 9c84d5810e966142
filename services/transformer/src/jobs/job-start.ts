import type { PartitionHead } from '../fold/partition-state.ts';

/** Samples without a time of their own get the next one that is free: a little later. */
const FREE_TIME_US = 1_000_000;

/** Whether no sample that a state has folded gets into any window that starts at or after it. */
export function isEarlyEnough(head: PartitionHead, wholeFromUs: number): boolean {
  return head.largestTimeUs + FREE_TIME_US <= wholeFromUs;
}
