/**
 * Texts of which a log has few: tenants, protocols, receivers. Most are the one that was read a
 * moment ago, and its bytes are compared faster than a text is made of them.
 */
export class FewTexts {
  readonly #known: (Known | undefined)[] = new Array<Known | undefined>(PLACES).fill(undefined);
  readonly #read: (bytes: Uint8Array) => string;

  /** `read` makes the text; equal bytes are equal texts. */
  constructor(read: (bytes: Uint8Array) => string) {
    this.#read = read;
  }

  of(bytes: Uint8Array): string {
    const { length } = bytes;
    if (length > LENGTH_MAX) return this.#read(bytes);
    const place = (31 * length + (bytes[0] ?? 0) + 7 * (bytes[length - 1] ?? 0)) % PLACES;
    const known = this.#known[place];
    if (known !== undefined && isSame(known.bytes, bytes)) return known.text;
    const text = this.#read(bytes);
    this.#known[place] = { bytes: bytes.slice(), text };
    return text;
  }
}

interface Known {
  bytes: Uint8Array;
  text: string;
}

const PLACES = 64;
const LENGTH_MAX = 64;

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
