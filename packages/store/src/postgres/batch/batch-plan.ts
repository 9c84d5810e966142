import type { Piece } from '@millrace/model';
import { PieceColumns, type Entries } from '@millrace/wire';
import type { StoreBatch } from '../../store.ts';
import type { BinaryWriter } from '../connection/binary-writer.ts';
import type { SampleBuffers } from '../samples/sample-buffers.ts';
import type { SampleHead } from '../samples/sample-heads.ts';
import type { Placement } from '../samples/sample-placement.ts';
import { planSamples, type SampleRows } from '../samples/sample-rows.ts';

/** What is known of the head of the batch's partition, and where the batch's samples go. */
export interface Packing {
  head: SampleHead;
  placement: Placement;
  /** Times for which `samples_narrow` has ranges, for samples that are refused in packed form. */
  narrowTimes: Float64Array;
}

/** A batch made ready outside the transaction, so that locks are held for as short as possible. */
export interface BatchPlan {
  batch: StoreBatch;
  entries: Omit<Entries, 'samples' | 'open' | 'openColumns' | 'finals' | 'finalColumns'>;
  open: PieceColumns;
  finals: PieceColumns;
  samples: SampleRows;
}

/** Valid until the buffers are used again. */
export function planBatch(batch: StoreBatch, buffers: SampleBuffers): BatchPlan {
  const { chunks } = batch;
  const all = <K extends keyof BatchPlan['entries']>(list: K): Entries[K] =>
    chunks.flatMap((chunk): Entries[K][number][] => chunk[list]) as Entries[K];
  return {
    batch,
    entries: {
      histograms: all('histograms'),
      definitions: all('definitions'),
      unverified: all('unverified'),
      deadLetters: all('deadLetters'),
      ledger: all('ledger'),
      exemplars: all('exemplars'),
      metadata: all('metadata'),
      editions: all('editions'),
      editionEnds: all('editionEnds'),
      jobEnds: all('jobEnds'),
    },
    open: piecesOf(chunks.map(({ open, openColumns }) => [open, openColumns])),
    finals: piecesOf(chunks.map(({ finals, finalColumns }) => [finals, finalColumns])),
    samples: planSamples(
      chunks.map((chunk) => chunk.samples),
      buffers,
    ),
  };
}

function piecesOf(
  chunks: readonly [objects: readonly Piece[], columns: PieceColumns | undefined][],
): PieceColumns {
  const all = chunks.flatMap(([objects, columns]) => [
    ...(objects.length > 0 ? [PieceColumns.of(objects)] : []),
    ...(columns === undefined ? [] : [columns]),
  ]);
  return PieceColumns.concatenated(all);
}

export type ApplySettings = Readonly<{
  inputsOid: number;
  /** Where raw samples go; undefined: to `samples_narrow`. */
  packing: Packing | undefined;
  /** Whether rows that are refused are to be found and left out. */
  isolate: boolean;
  /** See `StorageLayout`. */
  guard: string | undefined;
  backlogCopySetting: string | undefined;
  copiesWindows: boolean;
  /** Whether rows may be put into a table that is there for the transaction. */
  isStaging: boolean;
  /** Encodes rows of COPY; nobody else uses it meanwhile. */
  writer: BinaryWriter;
}>;
