import type { Label } from '@millrace/model';
import type { Batch } from '../decode-batch.ts';

/** All that a batch says, with objects for everything. */
export interface DescribedBatch {
  producer: string;
  /** As hex. */
  session: string;
  sequence: number;
  first: number | undefined;
  table: { kind: number; labels: Label[] }[];
  samples: { series: number; timeUs: bigint; value: number }[];
}

export function describeBatch(batch: Batch): DescribedBatch {
  const { producer, session, sequence, table, columns } = batch;
  const { view, seriesAt, timesAt, isOneTime, valuesAt } = columns;
  return {
    producer,
    session: Buffer.from(session, 'latin1').toString('hex'),
    sequence,
    first: table?.first,
    table: Array.from({ length: table?.count ?? 0 }, (_, entry) => {
      return { kind: table!.kindOf(entry), labels: table!.labelsOf(entry) };
    }),
    samples: Array.from({ length: batch.samples }, (_, i) => ({
      series: seriesAt < 0 ? i : view.getUint32(seriesAt + 4 * i, true),
      timeUs: view.getBigInt64(timesAt + (isOneTime ? 0 : 8 * i), true),
      value: view.getFloat64(valuesAt + 8 * i, true),
    })),
  };
}
