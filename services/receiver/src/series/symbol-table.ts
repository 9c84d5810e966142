import { ByteColumn, Uint32Column } from './column.ts';

/** What a string and its entry in a Map cost beside its characters. */
const MAP_ENTRY_BYTES = 64;

/** Label names and values by small numbers, so that records need no string per label. */
export class SymbolTable {
  readonly #ids = new Map<string, number>();
  #bytes = new ByteColumn();
  /** Where symbol `id` starts in the bytes; one more entry tells the end of the last. */
  #starts = new Uint32Column();

  constructor() {
    this.#starts.push(0);
  }

  get size(): number {
    return this.#ids.size;
  }

  /** UTF-8 of all symbols, one after the other. */
  get bytes(): Uint8Array {
    return this.#bytes.data;
  }

  /** Roughly: the texts are held twice, as UTF-8 and as the keys of the map. */
  get bytesHeld(): number {
    return this.#bytes.data.length * 2 + this.#ids.size * MAP_ENTRY_BYTES;
  }

  idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    const utf8 = Buffer.from(text, 'utf8');
    this.#bytes.append(utf8, 0, utf8.length);
    this.#starts.push(this.#bytes.length);
    this.#ids.set(text, id);
    return id;
  }

  start(id: number): number {
    return this.#starts.data[id]!;
  }

  end(id: number): number {
    return this.#starts.data[id + 1]!;
  }

  clear(): void {
    this.#ids.clear();
    this.#bytes = new ByteColumn();
    this.#starts = new Uint32Column();
    this.#starts.push(0);
  }
}
