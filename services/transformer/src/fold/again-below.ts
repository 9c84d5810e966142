import { MillraceError } from '@millrace/runtime';
import { encode } from '@msgpack/msgpack';
import { pageAt, type StatePages } from '../memory/state-pages.ts';
import { HEADER_KEY, reading } from './partition-state.ts';
import { readSavedHeader } from './saved-header.ts';

/**
 * The header of a state that a person put back, with a mark that everything below an offset is to
 * be put out again. Folding carries it along, and programs that do not know it pass it over.
 */
export function markAgainBelow(pages: StatePages, againBelow: number): Uint8Array {
  const header = reading(() => readSavedHeader(pageAt(pages, HEADER_KEY)));
  return encode({ ...header, head: { ...header.head, againBelow } });
}

/** Whether it has such a mark and is not there yet. What cannot be read has none. */
export function isToPutOutAgain(pages: StatePages): boolean {
  try {
    const { head } = reading(() => readSavedHeader(pageAt(pages, HEADER_KEY)));
    return head.position < (head.againBelow ?? 0);
  } catch (error) {
    if (error instanceof MillraceError) return false;
    throw error;
  }
}
