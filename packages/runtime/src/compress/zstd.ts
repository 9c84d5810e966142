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
    // The library takes what a frame says of its size, and this where it says nothing.
    decompress: (bytes, length) =>
      decompress(Buffer.from(bytes), { defaultHeapSize: Math.max(length, 1) }),
  };
}
