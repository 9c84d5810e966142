import { uncompress } from 'snappyjs';

/** `\x82SNAPPY\0`, then two versions of four bytes: how Java's clients frame snappy. */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const HEADER_BYTES = MAGIC.length + 8;

/** One block of snappy, as librdkafka and we write it, or Java's frames: blocks with a length. */
export function uncompressXerial(bytes: Buffer, bytesMax: number): Buffer {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return uncompressBlock(bytes, bytesMax);
  const blocks: Buffer[] = [];
  let left = bytesMax;
  for (let at = HEADER_BYTES; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const end = at + 4 + length;
    if (end > bytes.length) throw new RangeError('a block of snappy ends too early');
    const block = uncompressBlock(bytes.subarray(at + 4, end), left);
    left -= block.length;
    blocks.push(block);
    at = end;
  }
  return Buffer.concat(blocks);
}

function uncompressBlock(bytes: Buffer, bytesMax: number): Buffer {
  const block = uncompress(bytes, bytesMax);
  return Buffer.from(block.buffer, block.byteOffset, block.length);
}
