import kafkajs from 'kafkajs';
import { findCodec, type CompressionName } from './compression.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;

/**
 * Lets kafkajs's own producers and consumers use the codecs it does not bring; gzip it has. For
 * all clients of kafkajs in this process; repeating it changes nothing.
 */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = kafkajsCodec('snappy');
  CompressionCodecs[CompressionTypes.LZ4] = kafkajsCodec('lz4');
  CompressionCodecs[CompressionTypes.ZSTD] = kafkajsCodec('zstd');
}

function kafkajsCodec(name: CompressionName): () => object {
  return () => ({
    compress: async (encoder: { buffer: Buffer }) =>
      (await findCodec(name)).compress(encoder.buffer),
    decompress: async (bytes: Buffer) => (await findCodec(name)).uncompress(bytes),
  });
}
