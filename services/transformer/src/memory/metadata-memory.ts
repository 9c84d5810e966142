import { decode, encode } from '@msgpack/msgpack';
import { corruptRecord, type MetricMetadata } from '@millrace/wire';

/** Metadata as last seen, so that what senders repeat every minute is put out once. */
export class MetadataMemory {
  readonly #known = new Map<string, string>();
  readonly #max: number;
  #changed = false;

  constructor(metadataMax: number) {
    this.#max = metadataMax;
  }

  /** True when this differs from what was known; it then is known. */
  isNews(tenant: string, metadata: MetricMetadata): boolean {
    const key = `${tenant}\0${metadata.metric}`;
    const value = `${metadata.type}\0${metadata.unit}\0${metadata.help}`;
    if (this.#known.get(key) === value) return false;
    // Full: all are forgotten and put out again on their next sight, which does no harm.
    if (this.#known.size >= this.#max && !this.#known.has(key)) this.#known.clear();
    this.#known.set(key, value);
    this.#changed = true;
    return true;
  }

  takePages(into: Map<string, Uint8Array | undefined>): void {
    if (this.#changed) into.set('m', encode([...this.#known]));
    this.#changed = false;
  }

  load(pages: ReadonlyMap<string, Uint8Array>, size: number): void {
    const bytes = pages.get('m');
    if (bytes === undefined) {
      if (size > 0) throw corruptRecord('page m of the state is missing');
      return;
    }
    for (const [key, value] of decode(bytes) as [string, string][]) this.#known.set(key, value);
  }

  get size(): number {
    return this.#known.size;
  }
}
