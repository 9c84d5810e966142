import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StreamRecord } from '@millrace/stream';

/** Of records in their order: offsets, times and payloads. */
export class RecordsDigest {
  readonly #hash = createHash('sha256');
  readonly #head = new Float64Array(3);

  add({ offset, appendTimeUs, payload }: StreamRecord): void {
    this.#head.set([offset, appendTimeUs, payload.length]);
    this.#hash.update(this.#head);
    this.#hash.update(payload);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/**
 * Rejects when a file that was made in memory does not give back the records that went into it:
 * the log forgets what is archived, and then this file is all there is. It lets others have their
 * turn after each group, as writing does.
 */
export async function checkWritten(
  bytes: Uint8Array,
  written: string,
  signal?: AbortSignal,
): Promise<void> {
  const { RecordsFile } = await import('./parquet/read-records.ts');
  const file = new RecordsFile(bytes);
  const read = new RecordsDigest();
  for (let row = 0; row < file.rows;) {
    const records = await file.readGroup(row);
    for (const record of records) read.add(record);
    row += records.length;
    await nextTurn();
    signal?.throwIfAborted();
  }
  if (read.digest() !== written) throw new Error('it holds other records');
}
