import { KEY_BLOCK_BYTES } from './expected-series-function.ts';

/** A mask has so many bits. */
const BLOCKS_MAX = 32;
const MASK_BYTES = 4;
/** Keys of one length that others are held against: each is a look at all of its bytes. */
const LIKE_MAX = 4;

/** Keys that others are like: of those others what they have in common need not be kept. */
export class LikeKeys {
  /** By length the addresses of the newest. */
  readonly #byLength = new Map<number, number[]>();

  /**
   * The one with most in common, and a bit for each block that differs; undefined when what differs
   * takes more than half, or as much as all of it. An address and `offset` tell where the bytes of
   * a key are in `memory`.
   */
  find(
    key: Uint8Array,
    memory: Uint8Array,
    offset: number,
  ): Readonly<{ address: number; mask: number }> | undefined {
    const addresses = this.#byLength.get(key.length);
    if (addresses === undefined) return undefined;
    let best: { address: number; mask: number } | undefined;
    let fewest = Math.floor((key.length - MASK_BYTES) / KEY_BLOCK_BYTES / 2) + 1;
    for (const address of addresses) {
      const mask = maskOf(key, memory, address + offset);
      const differ = bitsOf(mask);
      if (differ >= fewest) continue;
      fewest = differ;
      best = { address, mask };
    }
    return best;
  }

  /** A key that has all of its bytes, and is like none. */
  add(length: number, address: number): void {
    if (length < KEY_BLOCK_BYTES || blocksOf(length) > BLOCKS_MAX) return;
    const addresses = this.#byLength.get(length);
    if (addresses === undefined) this.#byLength.set(length, [address]);
    else {
      addresses.unshift(address);
      addresses.length = Math.min(addresses.length, LIKE_MAX);
    }
  }

  clear(): void {
    this.#byLength.clear();
  }
}

function blocksOf(length: number): number {
  return Math.ceil(length / KEY_BLOCK_BYTES);
}

function maskOf(key: Uint8Array, memory: Uint8Array, at: number): number {
  const last = key.length - KEY_BLOCK_BYTES;
  let mask = 0;
  for (let i = 0, bit = 1; ; i += KEY_BLOCK_BYTES, bit <<= 1) {
    const place = Math.min(i, last);
    for (let b = place; b < place + KEY_BLOCK_BYTES; b += 1) {
      if (key[b] === memory[at + b]) continue;
      mask |= bit;
      break;
    }
    if (place === last) return mask >>> 0;
  }
}

function bitsOf(mask: number): number {
  let bits = 0;
  for (let left = mask; left !== 0; left &= left - 1) bits += 1;
  return bits;
}
