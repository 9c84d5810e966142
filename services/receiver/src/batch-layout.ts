import { crc32 } from 'node:zlib';
import type { Batch } from '@millrace/wire';
import type { DraftPart } from './part-builder.ts';
import type { SeriesTable } from './series-table.ts';

/** What batches of the same series have in common: which of their samples go to which part. */
export interface BatchLayout {
  readonly samples: number;
  /** The batches' column of series numbers; undefined: they have none. */
  readonly column: Uint8Array | undefined;
  /** In the order in which they are cut. */
  readonly parts: readonly LayoutPart[];
}

/** A whole part: series by row, then samples. */
export interface LayoutPart {
  readonly partition: number;
  /** Whether it is the last of its partition. */
  isLast: boolean;
  readonly series: Uint32Array;
  /** Four words for each series. */
  readonly fingerprints: Uint32Array;
  readonly kinds: Uint8Array;
  /** Which sample of the batch it is, and which row its series has. */
  readonly ordinals: Uint32Array;
  readonly rows: Uint32Array;
}

/**
 * Keys of batches that came once: all but a few come again at once or never. No bound on sessions
 * counts them, and there may be thousands of those.
 */
const KEYS_MAX = 64;

/**
 * The layouts of one session. A sender that has always the same series sends them in the same
 * order, batch after batch: then nothing needs to be found, measured or routed for any sample.
 */
export class BatchLayouts {
  readonly #known = new Map<number, BatchLayout>();
  readonly #once = new Set<number>();
  /** Of all layouts. */
  samples = 0;

  find(batch: Batch): BatchLayout | undefined {
    if (this.#known.size === 0) return undefined;
    const layout = this.#known.get(keyOf(batch));
    return layout !== undefined && isOf(layout, batch) ? layout : undefined;
  }

  /** Whether a batch of these series came before: of one that comes once nothing is kept. */
  isAgain(batch: Batch): boolean {
    const key = keyOf(batch);
    if (this.#once.has(key)) return true;
    if (this.#once.size >= KEYS_MAX) this.#once.clear();
    this.#once.add(key);
    return false;
  }

  add(batch: Batch, layout: BatchLayout): void {
    const key = keyOf(batch);
    this.samples += layout.samples - (this.#known.get(key)?.samples ?? 0);
    this.#known.set(key, layout);
  }

  clear(): void {
    this.#known.clear();
    this.#once.clear();
    this.samples = 0;
  }
}

/**
 * The layout of a batch all of whose samples were taken, as its parts were cut. A partition's
 * samples are in its parts in the order of the batch, so each part's are those that follow.
 */
export function layoutOf(
  batch: Batch,
  places: Int32Array,
  table: Pick<SeriesTable, 'partitions'>,
  drafts: readonly DraftPart[],
): BatchLayout {
  const parts = drafts.map((draft) => emptyPart(draft));
  const filling = new Map<number, { part: LayoutPart; filled: number }>();
  const waiting = [...parts];
  for (let i = 0; i < batch.samples; i += 1) {
    const place = places[numberAt(batch, i)]!;
    const partition = table.partitions[place]!;
    let into = filling.get(partition);
    if (into === undefined || into.filled === into.part.ordinals.length) {
      const next = waiting.findIndex((part) => part.partition === partition);
      into = { part: waiting.splice(next, 1)[0]!, filled: 0 };
      filling.set(partition, into);
    }
    const { part, filled } = into;
    part.ordinals[filled] = i;
    part.series[part.rows[filled]!] = place;
    into.filled = filled + 1;
  }
  for (const { part } of filling.values()) part.isLast = true;
  return { samples: batch.samples, column: columnOf(batch)?.slice(), parts };
}

function emptyPart({ partition, fingerprints, kinds, seriesIndex }: DraftPart): LayoutPart {
  return {
    partition,
    isLast: false,
    series: new Uint32Array(kinds.length),
    fingerprints: new Uint32Array(fingerprints.slice().buffer),
    kinds: kinds.slice(),
    ordinals: new Uint32Array(seriesIndex.length),
    rows: seriesIndex.slice(),
  };
}

function numberAt({ columns: { view, seriesAt } }: Batch, i: number): number {
  return seriesAt < 0 ? i : view.getUint32(seriesAt + 4 * i, true);
}

function columnOf({ samples, columns: { view, seriesAt } }: Batch): Uint8Array | undefined {
  if (seriesAt < 0) return undefined;
  return new Uint8Array(view.buffer, view.byteOffset + seriesAt, 4 * samples);
}

/** Tells apart what is to be told apart quickly; `isOf` decides. */
function keyOf(batch: Batch): number {
  const column = columnOf(batch);
  return column === undefined ? -batch.samples : crc32(column);
}

function isOf({ samples, column }: BatchLayout, batch: Batch): boolean {
  if (samples !== batch.samples) return false;
  const other = columnOf(batch);
  if (column === undefined || other === undefined) return column === other;
  return Buffer.compare(column, other) === 0;
}
