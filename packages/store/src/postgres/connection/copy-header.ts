import type { BinaryWriter } from './binary-writer.ts';

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/** What every binary COPY begins with. */
export function writeCopyHeader(into: BinaryWriter): void {
  into.bytes(HEADER);
}
