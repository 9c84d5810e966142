import { CHUNK_OVERHEAD_BYTES, PIECE_OVERHEAD_BYTES, type PagePiece } from '@millrace/wire';

/** The most a record with a chunk may have: as much as a record of events. */
export const CHUNK_BYTES_MAX = 900_000;

/** Pages in the order in which checkpoints hold them, which their digest depends on. */
export function inOrder(pages: ReadonlyMap<string, Uint8Array>): [string, Uint8Array][] {
  return [...pages].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The pages in portions whose records have at most `chunkBytesMax`; a larger page is split. */
export function* chunkPages(
  pages: readonly (readonly [key: string, page: Uint8Array])[],
  chunkBytesMax: number = CHUNK_BYTES_MAX,
): Generator<PagePiece[]> {
  const room = chunkBytesMax - CHUNK_OVERHEAD_BYTES;
  let pieces: PagePiece[] = [];
  let bytes = 0;
  for (const [key, page] of pages) {
    const overhead = PIECE_OVERHEAD_BYTES + Buffer.byteLength(key);
    let at = 0;
    do {
      if (pieces.length > 0 && bytes + overhead + Math.min(page.length - at, room / 2) > room) {
        yield pieces;
        pieces = [];
        bytes = 0;
      }
      const end = Math.min(page.length, at + room - bytes - overhead);
      pieces.push({ key, at, pageBytes: page.length, bytes: page.subarray(at, end) });
      bytes += overhead + end - at;
      at = end;
    } while (at < page.length);
  }
  if (pieces.length > 0) yield pieces;
}
