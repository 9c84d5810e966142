import { MillraceError } from '@millrace/runtime';

/** Pages as they were committed, by key. */
export type StatePages = ReadonlyMap<string, Uint8Array>;

/** Whatever pages are read from. */
export type PageSource = Pick<StatePages, 'get'>;

/** Pages to commit, by key; undefined removes one. */
export type ChangedPages = Map<string, Uint8Array | undefined>;

/** The bytes of a page. A missing one is a refusal, never zero. */
export function pageAt(pages: PageSource, key: string): Uint8Array {
  const page = pages.get(key);
  if (page === undefined) throw stateIncomplete(`page ${key} is missing`);
  // Never as a Buffer: its `slice` does not copy.
  return new Uint8Array(page.buffer, page.byteOffset, page.byteLength);
}

/** A byte string within a page. */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw stateIncomplete('a page of it holds no bytes');
}

/**
 * Refuses a table of which pages from `first` to `end` are missing, before room is made for it: a
 * header that lies about a table's size would take all memory.
 */
export function checkPages(
  pages: PageSource,
  table: Readonly<{ prefix: string; first?: number; end: number }>,
): void {
  for (let page = table.first ?? 0; page < table.end; page += 1) {
    pageAt(pages, `${table.prefix}${page}`);
  }
}

export function stateIncomplete(detail: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'STATE_INCOMPLETE',
    kind: 'permanent',
    message: `The committed state of the partition cannot be used: ${detail}. Nothing was skipped.`,
    remedy:
      'Look at "millrace checkpoint list". Without a checkpoint, remove the state: it is folded ' +
      'again from the log, as far as that reaches.',
    cause,
  });
}

export function stateVersion(found: number, known: number): MillraceError {
  return new MillraceError({
    code: 'STATE_VERSION',
    kind: 'permanent',
    message: `The committed state has version ${found}, this program reads ${known}.`,
    remedy: 'Run the release that wrote it, or remove the state so that it is folded again.',
  });
}
