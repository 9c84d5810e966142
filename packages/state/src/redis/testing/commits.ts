import { expect } from 'vitest';
import type { CommittedState, StateCommit, StatePosition } from '../../state.ts';

export const LOG_ID: string = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

/** A position of the one log of these tests. */
export function at(position: number): StatePosition {
  return { logId: LOG_ID, position };
}

/** A commit to partition 0 that writes one page, `page`, unless others are given. */
export function commitTo(
  to: number,
  params: Readonly<{
    from?: number | undefined;
    page?: string;
    pages?: StateCommit['pages'];
  }> = {},
): StateCommit {
  const { from, page = `page of ${to}` } = params;
  return {
    partition: 0,
    expected: from === undefined ? undefined : at(from),
    next: at(to),
    pages: params.pages ?? new Map([['page', bytesOf(page)]]),
  };
}

/** What `commitTo(to)` leaves, under an id of its own, unless other pages are given. */
export function stateAt(
  to: number,
  pages: CommittedState['pages'] = new Map([['page', bytesOf(`page of ${to}`)]]),
): CommittedState {
  return { ...at(to), commitId: expect.any(String) as string, pages };
}

/** Pages that together have about so many bytes, each of them `fill`. */
export function largePages(bytes: number, fill = 7): Map<string, Uint8Array> {
  const count = 100;
  const page = new Uint8Array(bytes / count).fill(fill);
  return new Map(Array.from({ length: count }, (_, i) => [`large ${i}`, page]));
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
