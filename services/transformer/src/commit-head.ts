import type { CommitRef, CommittedState, StateStore } from '@millrace/state';
import { takePages, type PartitionHead } from './fold/partition-state.ts';

/** Commits a state that knows nothing but which log it is about to fold, from its first record. */
export async function commitHead(
  state: StateStore,
  params: Readonly<{
    partition: number;
    /** What it takes the place of; undefined: nothing may be committed yet. */
    committed: CommittedState | undefined;
    head: PartitionHead;
    /** What is left, from which an owner goes on; left out: it is loaded. */
    next?: CommitRef;
  }>,
): Promise<'committed' | 'outrun'> {
  const { partition, committed, head } = params;
  const pages = new Map<string, Uint8Array | undefined>();
  for (const key of committed?.pages.keys() ?? []) pages.set(key, undefined);
  for (const [key, page] of takePages(head, undefined)) pages.set(key, page);
  return await state.commit({
    partition,
    expected: committed,
    next: params.next ?? { logId: head.logId, position: 0 },
    pages,
  });
}
