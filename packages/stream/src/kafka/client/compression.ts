import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { loadZstd } from '@millrace/runtime';
import { uncompressXerial } from './xerial-snappy.ts';

/** The names that Kafka uses; their codes are those of a batch's attributes. */
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export const compressionNames: readonly CompressionName[] = [
  'none',
  'gzip',
  'snappy',
  'lz4',
  'zstd',
];

export interface Codec {
  compress(bytes: Buffer): Promise<Buffer>;
  /** Refuses what grows beyond `UNCOMPRESSED_BYTES_MAX`, as far as the library can tell before. */
  uncompress(bytes: Buffer): Promise<Buffer>;
}

/** No batch of ours comes near it; one that does would be a bomb. */
export const UNCOMPRESSED_BYTES_MAX: number = 64 * 1024 * 1024;

/** Loaded when the first batch needs it: most logs are not compressed, or in one way. */
const loaders: Readonly<Record<Exclude<CompressionName, 'none'>, () => Promise<Codec>>> = {
  gzip: async () => ({
    compress: promisify<Buffer, Buffer>(zlib.gzip),
    uncompress: (bytes) => gunzip(bytes, { maxOutputLength: UNCOMPRESSED_BYTES_MAX }),
  }),
  snappy: async () => {
    const { compress } = await import('snappyjs');
    return {
      compress: async (bytes) => asBuffer(compress(bytes)),
      uncompress: async (bytes) => uncompressXerial(bytes, UNCOMPRESSED_BYTES_MAX),
    };
  },
  lz4: async () => {
    const { compressFrameSync, decompressFrameSync } = await import('lz4-napi');
    return {
      compress: async (bytes) => compressFrameSync(bytes),
      uncompress: async (bytes) => decompressFrameSync(bytes),
    };
  },
  zstd: async () => nativeZstd() ?? (await wasmZstd()),
};

const loaded = new Map<CompressionName, Promise<Codec>>();

export function findCodec(name: CompressionName): Promise<Codec> {
  if (name === 'none') return Promise.resolve(noCodec);
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const loading = loaders[name]();
  loaded.set(name, loading);
  return loading;
}

const noCodec: Codec = {
  compress: async (bytes) => bytes,
  uncompress: async (bytes) => bytes,
};

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);

/** In Node since 22.15, several times as fast as the other; undefined before. */
export function nativeZstd(): Codec | undefined {
  type Work = (
    bytes: Buffer,
    options: object,
    done: (error: unknown, done: Buffer) => void,
  ) => void;
  const { zstdCompress, zstdDecompress } = zlib as unknown as Partial<
    Record<'zstdCompress' | 'zstdDecompress', Work>
  >;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  const compress = promisify<Buffer, object, Buffer>(zstdCompress);
  const uncompress = promisify<Buffer, object, Buffer>(zstdDecompress);
  return {
    compress: (bytes) => compress(bytes, {}),
    uncompress: (bytes) => uncompress(bytes, { maxOutputLength: UNCOMPRESSED_BYTES_MAX }),
  };
}

export async function wasmZstd(): Promise<Codec> {
  const { compress, decompress } = await loadZstd();
  return {
    compress: async (bytes) => asBuffer(compress(bytes)),
    uncompress: async (bytes) => {
      // A frame that was written as a stream does not tell its size, and the library then takes
      // what it is given and fails when that is too small.
      for (let heap = 4 * 1024 * 1024; ; heap *= 4) {
        try {
          return asBuffer(decompress(bytes, heap));
        } catch (error) {
          if (heap >= UNCOMPRESSED_BYTES_MAX) throw error;
        }
      }
    },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
