/** Zstandard in WebAssembly: as quick as it is where Node has none of its own. */
export interface Zstd {
  compress(bytes: Uint8Array): Uint8Array;
  /** Of `length` bytes or less. Throws when it does not fit, and when the frame is damaged. */
  decompress(bytes: Uint8Array, length: number): Uint8Array;
}

/** What takes a few seconds a day is kept for years. */
const LEVEL = 3;

let loading: Promise<Zstd> | undefined;

/**
 * The one there is in this thread. Its library must never be initialized twice: the second time
 * takes away the memory of the first, and what either works on from then on is damaged.
 */
export function loadZstd(): Promise<Zstd> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Zstd> {
  const { compress, decompress, init } = await import('@bokuweb/zstd-wasm');
  await init();
  return {
    compress: (bytes) => compress(Buffer.from(bytes), LEVEL),
    decompress: (bytes, length) => {
      const frame = Buffer.from(bytes);
      const told = contentBytesOf(frame) ?? length;
      // The library would take memory for whatever the frame says.
      if (told > length) throw new Error(`a frame of ${told} bytes where ${length} may be`);
      return decompress(frame, { defaultHeapSize: Math.max(length, 1) });
    },
  };
}

const MAGIC = 0xfd2fb528;

/** What a frame says of the length of what is in it (RFC 8878, 3.1.1.1); undefined: nothing. */
function contentBytesOf(frame: Buffer): number | undefined {
  if (frame.length < 5 || frame.readUInt32LE(0) !== MAGIC) return undefined;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const fieldBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  if (fieldBytes === 0 || frame.length < at + fieldBytes) return undefined;
  if (fieldBytes === 8) return Number(frame.readBigUInt64LE(at));
  return frame.readUIntLE(at, fieldBytes) + (fieldBytes === 2 ? 256 : 0);
}
