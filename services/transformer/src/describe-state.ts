import type { StateDescription } from '@millrace/checkpoint';
import { loadPages, stateVersionOf } from './fold/partition-state.ts';
import type { StatePages } from './memory/state-pages.ts';

/**
 * What the pages of a state say about it. Reads all of them as an owner would: pages that this
 * throws for are no way back.
 */
export function describeState(pages: StatePages): StateDescription {
  const { head, tables } = loadPages(pages);
  const { logId, logNumber, position, lastDigest, partitionTimeUs } = head;
  return {
    ...{ logId, logNumber, position, lastDigest, partitionTimeUs },
    stateVersion: stateVersionOf(pages),
    foldVersion: tables?.barrier.foldVersion ?? 0,
  };
}
