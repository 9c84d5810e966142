import { crc32 } from 'node:zlib';
import type { Layout, LayoutPart, SeriesColumn } from './layout.ts';
import type { DraftPart } from './part-builder.ts';
import type { SeriesNumber, SeriesTable } from '../series/series-table.ts';

/**
 * The layouts of one sender's requests. One that has always the same series sends them in the same
 * order, request after request: then nothing needs to be found, measured or routed for any sample.
 */
export class Layouts {
  readonly #known = new Map<number, Layout>();
  /** Keys of requests that came once. */
  readonly #once = new Set<number>();
  readonly #onceMax: number;
  /** Of all layouts. */
  samples = 0;

  /** Of so many requests it is remembered that they came once. */
  constructor(onceMax: number) {
    this.#onceMax = onceMax;
  }

  find(series: SeriesColumn): Layout | undefined {
    if (this.#known.size === 0) return undefined;
    const layout = this.#known.get(keyOf(series));
    return layout !== undefined && isOf(layout, series) ? layout : undefined;
  }

  /** Whether a request of these series came before: of one that comes once nothing is kept. */
  isAgain(series: SeriesColumn): boolean {
    const key = keyOf(series);
    if (this.#once.has(key)) return true;
    if (this.#once.size >= this.#onceMax) this.#once.clear();
    this.#once.add(key);
    return false;
  }

  add(layout: Layout): void {
    const key = keyOf(layout);
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
 * The layout of a request all of whose samples were taken, as its parts were cut. A partition's
 * samples are in its parts in the order of the request, so each part's are those that follow.
 */
export function layoutOf(
  { samples, column }: SeriesColumn,
  seriesOf: (ordinal: number) => SeriesNumber,
  { partitions }: Pick<SeriesTable, 'partitions'>,
  drafts: readonly DraftPart[],
): Layout {
  const parts = drafts.map((draft) => emptyPart(draft));
  const filling = new Map<number, { part: LayoutPart; filled: number }>();
  const waiting = [...parts];
  for (let i = 0; i < samples; i += 1) {
    const series = seriesOf(i);
    const partition = partitions[series]!;
    let into = filling.get(partition);
    if (into === undefined || into.filled === into.part.ordinals.length) {
      const next = waiting.findIndex((part) => part.partition === partition);
      into = { part: waiting.splice(next, 1)[0]!, filled: 0 };
      filling.set(partition, into);
    }
    const { part, filled } = into;
    part.ordinals[filled] = i;
    part.series[part.rows[filled]!] = series;
    into.filled = filled + 1;
  }
  for (const { part } of filling.values()) part.isLast = true;
  return { samples, column: column?.slice(), parts };
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

/** Tells apart what is to be told apart quickly; `isOf` decides. */
function keyOf({ samples, column }: SeriesColumn): number {
  return column === undefined ? -samples : crc32(column);
}

function isOf({ samples, column }: Layout, series: SeriesColumn): boolean {
  if (samples !== series.samples) return false;
  const other = series.column;
  if (column === undefined || other === undefined) return column === other;
  return Buffer.compare(column, other) === 0;
}
