import { SampleFlag, TIME_US_MAX } from '@millrace/model';
import type { SampleColumns } from '@millrace/wire';
import { seriesIdArray, timeArray } from '../connection/array-parameters.ts';
import { letterPayload, type RowFault, type RowSet } from '../connection/row-set.ts';
import { BinaryWriter } from '../connection/binary-writer.ts';
import type { SampleBuffers } from './sample-buffers.ts';
import { encodeSampleCopy } from './sample-copy.ts';
import type { Session } from '../connection/session.ts';

const COPY_ROWS_MAX = 100_000;

/** Rows of sample columns by what is to be done with them. */
export interface SampleRows {
  samples: SampleColumns;
  /** To be appended, in the order of the log. */
  verified: Uint32Array;
  /** To be appended if absent, in the order of the log. */
  unverified: Uint32Array;
  /** Times that no timestamp can hold. */
  untimely: Uint32Array;
}

/** The columns of all chunks, one behind the other in the buffers, and their rows sorted out. */
export function planSamples(chunks: readonly SampleColumns[], buffers: SampleBuffers): SampleRows {
  const samples = buffers.concatenate(chunks);
  const verified = buffers.rows(samples.count);
  const rest: number[] = [];
  const untimely: number[] = [];
  let count = 0;
  for (let row = 0; row < samples.count; row += 1) {
    if (!(Math.abs(samples.times[row]!) <= TIME_US_MAX)) untimely.push(row);
    else if ((samples.flags[row]! & SampleFlag.unverified) !== 0) rest.push(row);
    else verified[count++] = row;
  }
  return {
    samples,
    verified: verified.subarray(0, count),
    unverified: Uint32Array.from(rest),
    untimely: Uint32Array.from(untimely),
  };
}

/**
 * Whether rows, ordered by series, hold many samples of each, as a backlog does. A column store
 * keeps up to 1,000 rows of one series together; with a few in each it costs more than it saves.
 */
export function isBacklog({ seriesIds }: SampleColumns, bySeries: Uint32Array): boolean {
  let series = 0;
  for (let i = 0; i < bySeries.length; i += 1) {
    if (i === 0 || !isSameId(seriesIds, bySeries[i - 1]! * 8, bySeries[i]! * 8)) series += 1;
  }
  return series > 0 && bySeries.length >= BACKLOG_ROWS_PER_SERIES * series;
}

const BACKLOG_ROWS_PER_SERIES = 100;

function isSameId(ids: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < 8; i += 1) if (ids[a + i] !== ids[b + i]) return false;
  return true;
}

/** Appends the given rows by COPY to `samples_head`, or without a partition to `samples_narrow`. */
export function sampleRowSet(
  params: Readonly<{
    samples: SampleColumns;
    rows: Uint32Array;
    counted: 'stored' | 'unverified';
    partition: number | undefined;
    /** Whose bytes are used again and again. */
    writer: BinaryWriter;
  }>,
): RowSet {
  const { samples, rows, counted, partition, writer } = params;
  const statement = partition === undefined ? 'copy-samples-narrow' : 'copy-samples-head';
  return {
    entry: 'sample',
    count: rows.length,
    rowsMax: COPY_ROWS_MAX,
    insert: async (session, from, to) => {
      writer.clear();
      encodeSampleCopy(writer, samples, rows.subarray(from, to), partition);
      await session.copy(statement, writer.written());
      return [];
    },
    letter: (i) => sampleLetter(samples, rows[i]!, counted),
  };
}

/** Rows that cannot even be sent: all of them are faults. */
export function untimelyRowSet({ samples, untimely }: SampleRows): RowSet {
  return {
    entry: 'sample',
    count: untimely.length,
    rowsMax: COPY_ROWS_MAX,
    insert: (_session, from, to) => {
      const faults: RowFault[] = [];
      for (let row = from; row < to; row += 1) {
        const detail = `The time ${samples.times[untimely[row]!]} is no timestamp.`;
        faults.push({ row, reason: 'time_out_of_range', detail });
      }
      return Promise.resolve(faults);
    },
    letter: (i) => {
      const row = untimely[i]!;
      const isVerified = (samples.flags[row]! & SampleFlag.unverified) === 0;
      const letter = sampleLetter(samples, row, isVerified ? 'stored' : 'unverified');
      delete letter.timeUs;
      return letter;
    },
  };
}

/** Of the unverified rows, those of which nothing is stored yet; the others are duplicates. */
export async function absentSamples(
  session: Session,
  { samples, unverified }: SampleRows,
): Promise<{ absent: Uint32Array; present: Uint32Array }> {
  const count = unverified.length;
  if (count === 0) return { absent: unverified, present: unverified };
  const idAt = (i: number) => samples.seriesIds.subarray(unverified[i]! * 8);
  const { rows } = await session.run<{ row: string }>('absent-samples', [
    seriesIdArray(count, idAt),
    timeArray(count, (i) => samples.times[unverified[i]!]),
  ]);
  const chosen = new Set(rows.map(({ row }) => Number(row) - 1));
  return {
    absent: unverified.filter((_, i) => chosen.has(i)),
    present: unverified.filter((_, i) => !chosen.has(i)),
  };
}

function sampleLetter(
  samples: SampleColumns,
  row: number,
  counted: 'stored' | 'unverified',
): ReturnType<RowSet['letter']> {
  const series = samples.seriesIds.slice(row * 8, row * 8 + 8);
  const timeUs = samples.times[row]!;
  const value = samples.values[row]!;
  const flags = samples.flags[row]!;
  const payload = letterPayload({ seriesId: series, timeUs, value, flags });
  return { series, timeUs, value, payload, counted };
}
