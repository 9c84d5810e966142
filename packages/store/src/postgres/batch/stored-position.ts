import { ADDRESS_ZERO } from '@millrace/model';
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
  };
}

export function numberOf(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}
