/**
 * A hash of 64 bits in two uint32 lanes, for sketches: the same on every engine and for ever,
 * because sketches of years ago are merged with those of today. No secret and no defence against
 * chosen input.
 *
 * The state starts as the seed. Each 8 bytes, little-endian, the last ones filled with zeros, are
 * XORed into the lanes, then both lanes are stirred. At the end the length in bytes is XORed in
 * and they are stirred twice more. A stir is a permutation of the 64 bits, so inputs of at most
 * 8 bytes and equal length never collide; it lets each lane in turn be multiplied by an odd
 * constant, folded, and added to the other one. The constants are in wide use as multipliers of
 * such mixers (Wellons' lowbias32, Knuth's golden ratio, Murmur 3); the test measures that every
 * bit of the input turns every bit of the result half of the time.
 */
export class MixHash {
  /** The lanes of the last hash, as uint32. */
  high = 0;
  low = 0;

  /** Hashes the first `length` bytes; `bytes` must reach up to the next multiple of 8. */
  hash(bytes: DataView, length: number, seed: number): void {
    this.high = seed;
    this.low = ~seed;
    for (let at = 0; at < length; at += 8) {
      this.low ^= bytes.getUint32(at, true);
      this.high ^= bytes.getUint32(at + 4, true);
      this.#stir();
    }
    this.low ^= length;
    this.#stir();
    this.#stir();
    this.high >>>= 0;
    this.low >>>= 0;
  }

  #stir(): void {
    let { high, low } = this;
    low = Math.imul(low ^ (low >>> 16), 0x7feb352d);
    high = (high + low) | 0;
    high = Math.imul(high ^ (high >>> 15), 0x846ca68b);
    low = (low + high) | 0;
    low = Math.imul(low ^ (low >>> 14), 0x9e3779b1);
    high ^= (low << 11) | (low >>> 21);
    high = Math.imul(high ^ (high >>> 16), 0xc2b2ae3d);
    low ^= (high << 19) | (high >>> 13);
    this.high = high;
    this.low = low;
  }
}
