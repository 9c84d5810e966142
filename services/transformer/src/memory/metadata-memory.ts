import { encode } from '@msgpack/msgpack';
import { decodeSoundMsgpack, type FoldSettings, type MetricMetadata } from '@millrace/wire';
import { pageAt, type ChangedPages, type StatePages } from './state-pages.ts';

/** Metadata as last seen, so that what senders repeat every minute is put out once. */
export class MetadataMemory {
  readonly #known = new Map<string, string>();
  readonly #settings: Pick<FoldSettings, 'metadataMax'>;
  #changed = false;

  constructor(settings: Pick<FoldSettings, 'metadataMax'>) {
    this.#settings = settings;
  }

  /** True when this differs from what was known; it then is known. */
  isNews(tenant: string, metadata: MetricMetadata): boolean {
    const key = `${tenant}\0${metadata.metric}`;
    const value = `${metadata.type}\0${metadata.unit}\0${metadata.help}`;
    if (this.#known.get(key) === value) return false;
    // Full: all are forgotten and put out again on their next sight, which does no harm.
    const isFull = this.#known.size >= this.#settings.metadataMax;
    if (isFull && !this.#known.has(key)) this.#known.clear();
    this.#known.set(key, value);
    this.#changed = true;
    return true;
  }

  /** All that is known. */
  *all(): Generator<MetricMetadata & { tenant: string }> {
    for (const [key, value] of this.#known) {
      const [tenant, metric] = key.split('\0') as [string, string];
      const [type, unit, help] = value.split('\0') as [string, string, string];
      yield { tenant, metric, type, unit, help };
    }
  }

  takePages(into: ChangedPages): void {
    if (this.#changed) into.set('m', encode([...this.#known]));
    this.#changed = false;
  }

  load(size: number, pages: StatePages): void {
    if (size === 0) return;
    const known = decodeSoundMsgpack(pageAt(pages, 'm')) as [string, string][];
    for (const [key, value] of known) this.#known.set(key, value);
  }

  get size(): number {
    return this.#known.size;
  }
}
