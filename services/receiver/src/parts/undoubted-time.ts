import type { TimeUs } from '@millrace/model';
import { UNDOUBTED_US } from '@millrace/wire';

/**
 * Whether a time needs no closer look. Any that is not too late is in range, and its unit is in no
 * doubt, unless it is of 1970.
 */
export function isUndoubted(timeUs: TimeUs, latestUs: TimeUs): boolean {
  return timeUs > UNDOUBTED_US && timeUs <= latestUs;
}
