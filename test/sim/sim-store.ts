import { compareAddress, type Piece } from '@millrace/model';
import { createMeter, MillraceError, silentLog, type Clock } from '@millrace/runtime';
import type { ApplyResult, MarkKey, Store, StoreBatch, StoredMark } from '@millrace/store';
import { openMemoryStream, type MemoryLog } from '@millrace/stream/memory';
import { createWriter } from '@millrace/writer';
import type { LedgerEntry } from '@millrace/wire';
import type { MortalProcess } from './mortal-process.ts';

interface PartitionRows {
  marks: Map<string, StoredMark>;
  /** One row for each raw sample, as `series id/time/value/flags`. */
  samples: string[];
  open: Map<string, Piece>;
  finals: Piece[];
  unverified: number;
  ledger: LedgerEntry | undefined;
  watermarks: number[];
  totals: Map<string, LedgerEntry['totals'][number]>;
}

/** A store in memory whose transactions are atomic; outlives the writers that use it. */
export class SimStore {
  readonly failures: unknown[] = [];
  readonly partitions: Map<number, PartitionRows> = new Map();
  readonly #log: MemoryLog;

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  startWriter(process: MortalProcess, _clock: Clock): MortalProcess {
    const writer = createWriter({
      stream: process.stream(openMemoryStream(this.#log)),
      store: process.store(this.#handle()),
      clock: process.clock,
      log: silentLog,
      meter: createMeter(),
    });
    writer.run().catch((error: unknown) => this.failures.push(error));
    return process;
  }

  rows(partition: number): PartitionRows {
    let rows = this.partitions.get(partition);
    if (rows === undefined) {
      rows = {
        marks: new Map(),
        samples: [],
        open: new Map(),
        finals: [],
        unverified: 0,
        ledger: undefined,
        watermarks: [],
        totals: new Map(),
      };
      this.partitions.set(partition, rows);
    }
    return rows;
  }

  #handle(): Store {
    return {
      marks: async (partition) => new Map(this.rows(partition).marks),
      openMark: async (key) => this.#openMark(key),
      apply: async (batch) => this.#apply(batch),
      flushedMarks: async () => {
        const marks = new Map<number, StoredMark>();
        for (const [partition, rows] of this.partitions) {
          const mark = rows.marks.get('live');
          if (mark !== undefined) marks.set(partition, mark);
        }
        return marks;
      },
      close: async () => undefined,
    };
  }

  #openMark(key: MarkKey): void {
    const { marks } = this.rows(key.partition);
    const known = marks.get(key.source);
    if (known !== undefined && known.logId !== key.logId) {
      throw new MillraceError({ code: 'STORE_OTHER_LOG', kind: 'permanent', message: 'other log' });
    }
    if (known !== undefined) return;
    const { logId, logNumber } = key;
    marks.set(key.source, { logId, logNumber, mark: { offset: 0, ordinal: 0 } });
  }

  #apply(batch: StoreBatch): ApplyResult {
    const rows = this.rows(batch.key.partition);
    const known = rows.marks.get(batch.key.source);
    if (known === undefined || compareAddress(known.mark, batch.from) !== 0) {
      return { outcome: 'outrun', deadLetters: 0, unverifiedDuplicates: 0 };
    }
    rows.marks.set(batch.key.source, { ...known, mark: batch.to });
    for (const { samples, open, finals, unverified, ledger } of batch.chunks) {
      for (let i = 0; i < samples.count; i += 1) {
        const id = Buffer.from(samples.seriesIds.subarray(8 * i, 8 * i + 8)).toString('hex');
        rows.samples.push(`${id}/${samples.times[i]}/${samples.values[i]}/${samples.flags[i]}`);
      }
      for (const piece of open) rows.open.set(pieceKey(piece), piece);
      for (const piece of finals) {
        rows.open.delete(pieceKey(piece));
        rows.finals.push(piece);
      }
      rows.unverified += unverified.length;
      for (const entry of ledger) {
        rows.watermarks.push(entry.watermarkUs);
        for (const totals of entry.totals) rows.totals.set(totals.tenant, totals);
      }
    }
    return { outcome: 'applied', deadLetters: 0, unverifiedDuplicates: 0 };
  }
}

export function pieceKey(piece: Piece): string {
  const series = Buffer.from(piece.fingerprint).toString('hex');
  return [piece.edition, series, piece.widthUs, piece.startUs, piece.piece].join('/');
}
