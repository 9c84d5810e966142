/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

/** `tables[k * 256 + b]`: what byte b does to the sum when k more bytes follow it in its word. */
const tables = createTables();

/**
 * CRC-32C, which every batch of records in Kafka carries. Eight bytes at a time: the plain way
 * costs several times the copy of the same bytes, and every byte of the log passes here twice.
 */
export function crc32c(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  const t = tables;
  let crc = -1;
  let at = from;
  for (const last = to - SLICES; at <= last; at += SLICES) {
    const low =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      t[0x700 + (low & 0xff)]! ^
      t[0x600 + ((low >>> 8) & 0xff)]! ^
      t[0x500 + ((low >>> 16) & 0xff)]! ^
      t[0x400 + (low >>> 24)]! ^
      t[0x300 + bytes[at + 4]!]! ^
      t[0x200 + bytes[at + 5]!]! ^
      t[0x100 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < to; at += 1) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function createTables(): Int32Array {
  const t = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    t[byte] = crc;
  }
  for (let i = 256; i < t.length; i += 1) {
    const before = t[i - 256]!;
    t[i] = t[before & 0xff]! ^ (before >>> 8);
  }
  return t;
}
