import { compress, decompress, init } from '@bokuweb/zstd-wasm';

export interface Zstd {
  compress(bytes: Uint8Array): Uint8Array;
  /** `length`: of what comes out. */
  decompress(bytes: Uint8Array, length: number): Uint8Array;
}

/** A copy takes a few seconds a day, and is kept for years. */
const LEVEL = 3;

let loading: Promise<Zstd> | undefined;

export function loadZstd(): Promise<Zstd> {
  loading ??= init().then(() => ({
    compress: (bytes: Uint8Array) => compress(Buffer.from(bytes), LEVEL),
    // The library takes what a frame says of its size, and this where it says nothing.
    decompress: (bytes: Uint8Array, length: number) =>
      decompress(Buffer.from(bytes), { defaultHeapSize: Math.max(length, 1) }),
  }));
  return loading;
}
