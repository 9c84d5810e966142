import { STALE_NAN_HIGH, STALE_NAN_LOW } from '@millrace/model';

/**
 * A stale marker is one NaN among many. Only the two halves of the bytes tell, because a number
 * need not keep the payload of a NaN.
 */
export function isStale(view: DataView, at: number): boolean {
  return (
    view.getInt32(at + 4, true) === STALE_NAN_HIGH && view.getInt32(at, true) === STALE_NAN_LOW
  );
}
