import type { DefinitionSettings } from '../series/lane-definitions.ts';
import { PartCutter } from './part-cutter.ts';

/** Dead letters of one tenant come together, and are few. */
const SERIES_MAX = 1024;
const SERIES_BYTES_MAX = 1024 * 1024;

interface CutterSettings {
  readonly partitions: number;
  readonly partBytesMax: number;
  readonly definitions: DefinitionSettings;
}

/**
 * The cutter of each tenant. Senders have one tenant; only dead letters that come again are of
 * others, and for those the last one's is kept.
 */
export class TenantCutters {
  readonly #tenant: string;
  readonly #cutter: PartCutter;
  readonly #settings: CutterSettings;
  #other: Readonly<{ tenant: string; cutter: PartCutter }> | undefined;

  constructor(own: Readonly<{ tenant: string; cutter: PartCutter }>, settings: CutterSettings) {
    this.#tenant = own.tenant;
    this.#cutter = own.cutter;
    this.#settings = settings;
  }

  of(tenant: string): PartCutter {
    if (tenant === this.#tenant) return this.#cutter;
    if (this.#other?.tenant === tenant) return this.#other.cutter;
    const cutter = new PartCutter({
      ...{ tenant, ...this.#settings },
      ...{ seriesCountMax: SERIES_MAX, seriesBytesMax: SERIES_BYTES_MAX },
      onSeriesForgotten: () => undefined,
    });
    this.#other = { tenant, cutter };
    return cutter;
  }
}
