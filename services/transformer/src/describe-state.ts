import type { StateDescription } from '@millrace/checkpoint';
import { readThrough } from './fold/read-through.ts';
import type { StatePages } from './memory/state-pages.ts';

/**
 * What the pages of a state say about it. Reads all of them as an owner would: pages that this
 * throws for are no way back.
 */
export function describeState(pages: StatePages): StateDescription {
  const { head, stateVersion, foldVersion } = readThrough(pages);
  const { logId, logNumber, position, lastDigest, partitionTimeUs } = head;
  return { logId, logNumber, position, lastDigest, partitionTimeUs, stateVersion, foldVersion };
}
