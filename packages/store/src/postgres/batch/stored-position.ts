import { ADDRESS_ZERO } from '@millrace/model';
import type { FoldedEvent } from '@millrace/wire';
import type { StoredPosition } from '../../reader-rows.ts';

export interface PositionRow {
  log_id: string;
  log_number: string;
  partition: number;
  source: string;
  mark_offset: string;
  mark_ordinal: string;
  open: boolean;
  position: string | null;
  partition_time_us: string | null;
  watermark_us: string | null;
  folded_offset: string | null;
  folded_digest: string | null;
}

export function positionOf(row: PositionRow): StoredPosition {
  return {
    logId: row.log_id,
    logNumber: Number(row.log_number),
    partition: row.partition,
    source: row.source,
    mark: { ...ADDRESS_ZERO, offset: Number(row.mark_offset), ordinal: Number(row.mark_ordinal) },
    isOpen: row.open,
    position: numberOf(row.position),
    partitionTimeUs: numberOf(row.partition_time_us),
    watermarkUs: numberOf(row.watermark_us),
    folded: foldedOf(row),
  };
}

/** What `lastFolded` says of a mark, as far as it was told. */
export function foldedOf({
  folded_offset: offset,
  folded_digest: digest,
}: Readonly<{ folded_offset: string | null; folded_digest: string | null }>):
  FoldedEvent | undefined {
  return offset === null || digest === null ? undefined : { offset: Number(offset), digest };
}

export function numberOf(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}
