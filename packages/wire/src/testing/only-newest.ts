import { fingerprintHex, type Piece } from '@millrace/model';
import type { Entries } from '../series/series-record.ts';

/** As the writer does: of an open piece the last revision, and none that is final as well. */
export function onlyNewest(entries: Entries): Entries {
  const keyOf = ({ edition, fingerprint, widthUs, startUs, piece }: Piece): string =>
    [edition, fingerprintHex(fingerprint), widthUs, startUs, piece].join(' ');
  const open = new Map(entries.open.map((piece) => [keyOf(piece), piece]));
  for (const piece of entries.finals) open.delete(keyOf(piece));
  return { ...entries, open: [...open.values()] };
}
