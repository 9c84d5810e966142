import type { TimeUs } from '@millrace/model';
import {
  windowsTableOf,
  type ExpiringTable,
  type StoredExpiry,
  type StoreSnapshot,
} from '@millrace/store';
import { SeriesTable } from './series-table.ts';

/** Which rows the store must still have: those that it did not say it deleted. */
export class KeptRows {
  readonly #expired: StoredExpiry;
  /** Series of tenants of whom it is noted apart; `tenants` are places in `#apart`. */
  readonly #series: SeriesTable;
  readonly #apart: readonly string[];
  /** By table, edition, width and tenant. */
  readonly #known = new Map<string, TimeUs>();
  readonly #rawUs: readonly TimeUs[];
  readonly #rawOfOthersUs: TimeUs;
  /** Raw rows before this time may be gone whosever they are. */
  readonly rawLeastUs: TimeUs;

  constructor(expired: StoredExpiry, series: SeriesTable) {
    this.#expired = expired;
    this.#series = series;
    this.#apart = expired.apart;
    const rawOf = (tenant: string): TimeUs =>
      Math.max(expired.beforeUs('samples', { tenant }), expired.beforeUs('histograms', { tenant }));
    this.#rawUs = this.#apart.map(rawOf);
    this.#rawOfOthersUs = rawOf(OTHERS);
    this.rawLeastUs = Math.min(this.#rawOfOthersUs, ...this.#rawUs);
  }

  /** Samples and histograms of a series from this time on are there. */
  rawFromUs(idHigh: number, idLow: number): TimeUs {
    if (this.#apart.length === 0) return this.#rawOfOthersUs;
    const place = this.#place(idHigh, idLow);
    return place === undefined ? this.#rawOfOthersUs : this.#rawUs[place]!;
  }

  exemplarsFromUs(idHigh: number, idLow: number): TimeUs {
    return this.#fromUs('exemplars', { place: this.#place(idHigh, idLow) });
  }

  windowsFromUs(
    idHigh: number,
    idLow: number,
    { edition, widthUs }: Readonly<{ edition: number; widthUs: TimeUs }>,
  ): TimeUs {
    const table = windowsTableOf(widthUs);
    return this.#fromUs(table, { edition, widthUs, place: this.#place(idHigh, idLow) });
  }

  /** By when they were received. */
  unverifiedFromUs(tenant: string): TimeUs {
    const place = this.#apart.indexOf(tenant);
    return this.#fromUs('unverified', { place: place === -1 ? undefined : place });
  }

  #place(idHigh: number, idLow: number): number | undefined {
    const slot = this.#series.find(idHigh, idLow);
    return slot < 0 ? undefined : this.#series.tenants[slot];
  }

  #fromUs(
    table: ExpiringTable,
    of: Readonly<{
      edition?: number;
      widthUs?: TimeUs;
      place: number | undefined;
    }>,
  ): TimeUs {
    const { edition, widthUs, place } = of;
    const key = `${table} ${edition} ${widthUs} ${place}`;
    let fromUs = this.#known.get(key);
    if (fromUs === undefined) {
      const tenant = place === undefined ? OTHERS : this.#apart[place]!;
      fromUs = this.#expired.beforeUs(table, { edition, widthUs, tenant });
      this.#known.set(key, fromUs);
    }
    return fromUs;
  }
}

/** A name that no tenant has. */
const OTHERS = '';

/** Takes the store's word also for whose the series are, of those that are set apart. */
export async function readKeptRows(
  snapshot: StoreSnapshot,
  expired: StoredExpiry,
  of: Readonly<{ slices: number; slice: number }>,
): Promise<KeptRows> {
  const series = new SeriesTable();
  if (expired.apart.length > 0) {
    const places = new Map(expired.apart.map((tenant, place) => [tenant, place]));
    for await (const some of snapshot.definitions({
      ...of,
      fromUs: -Infinity,
      untilUs: Infinity,
    })) {
      for (const { tenant, fingerprint } of some) {
        const place = places.get(tenant);
        if (place === undefined) continue;
        const id = Buffer.from(fingerprint.buffer, fingerprint.byteOffset, 8);
        const [high, low] = [id.readUInt32BE(0), id.readUInt32BE(4)];
        if (series.find(high, low) < 0) {
          series.add(high, low, { partition: 0, record: 0, tenant: place });
        }
      }
    }
  }
  return new KeptRows(expired, series);
}
