import type { Label, SampleKind } from '@millrace/model';
import { encode } from '@msgpack/msgpack';

/** What a producer sends at once; packages/wire/batch.md says what each field is for. */
export interface BatchFields {
  producer: string;
  session: Uint8Array;
  sequence: number;
  table?: Readonly<{
    first: number;
    /** One for each series, or one for all. */
    kinds: readonly SampleKind[];
    labels: readonly (readonly Label[])[];
  }>;
  /** Left out: sample i is of series i. */
  series?: Uint32Array;
  /** Microseconds; one for each sample, or one for all. */
  timesUs: readonly number[];
  values: Float64Array;
}

/** The body of a batch. */
export function encodeBatch(batch: BatchFields): Uint8Array {
  const { producer, session, sequence, table, series, timesUs, values } = batch;
  return encode({
    ...{ version: 1, producer, session, sequence },
    ...(table === undefined
      ? {}
      : {
          table: {
            first: table.first,
            kinds: Uint8Array.from(table.kinds),
            labels: table.labels.map((labels) => labels.flat()),
          },
        }),
    ...(series === undefined ? {} : { series: bytesOf(series) }),
    times: bytesOf(BigInt64Array.from(timesUs, BigInt)),
    values: bytesOf(values),
  });
}

function bytesOf(column: ArrayBufferView): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
