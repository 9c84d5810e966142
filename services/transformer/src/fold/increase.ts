/**
 * Increase of a counter from one sample to the next, after Prometheus: a fall, or a start time
 * behind the earlier sample, is a reset from 0. The first sample contributes 0, or its whole
 * value when it says when it started.
 */
export function increaseBetween(
  fromTimeUs: number,
  fromValue: number,
  toTimeUs: number,
  toValue: number,
  startUs: number,
): number {
  const startedBetween = startUs <= toTimeUs && startUs > fromTimeUs;
  if (fromValue !== fromValue) return startedBetween ? toValue : 0;
  return startedBetween || toValue < fromValue ? toValue : toValue - fromValue;
}
