/** A power of two. */
const PLACES = 4096;
/** Longer texts are seldom those of many series. */
const LENGTH_MAX = 48;

/**
 * Texts by the bytes that they are made of. New series come with names and values of others, and
 * records with the tenants and receivers of others: to compare bytes is five times as fast as to
 * check them and make a text of them. A text that falls onto the place of another one takes it.
 */
export class TextCache {
  readonly #read: (bytes: Uint8Array, start: number, end: number) => string;
  readonly #texts: string[] = new Array<string>(PLACES).fill('');
  /** Bytes of each text; 0: none, and a text of none is never looked for. */
  readonly #lengths = new Uint8Array(PLACES);
  readonly #bytes = new Uint8Array(PLACES * LENGTH_MAX);

  /** `read` makes the text, or throws; equal bytes are equal texts. */
  constructor(read: (bytes: Uint8Array, start: number, end: number) => string) {
    this.#read = read;
  }

  /** The text of `bytes[start, end)`. */
  of(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === 0 || length > LENGTH_MAX) return this.#read(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    const at = place * LENGTH_MAX;
    if (this.#lengths[place] === length && this.#holds(at, bytes, start, length)) {
      return this.#texts[place]!;
    }
    const text = this.#read(bytes, start, end);
    for (let i = 0; i < length; i += 1) this.#bytes[at + i] = bytes[start + i]!;
    this.#lengths[place] = length;
    this.#texts[place] = text;
    return text;
  }

  #holds(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const own = this.#bytes;
    for (let i = 0; i < length; i += 1) if (own[at + i] !== bytes[start + i]) return false;
    return true;
  }
}
