import { crc32 } from 'node:zlib';
import { corruptState } from '../state-error.ts';
import type { CommitRef } from '../state.ts';

/*
 * Keys and values of the environment. Every value has a version, a float64 that LMDB keeps before
 * its bytes and can compare inside a transaction.
 *
 *   key                                        version            value
 *   partition u32 BE | 0                       number of commits  CRC-32 u32 LE | header as JSON
 *   partition u32 BE | 1 | page key in UTF-8   CRC-32             the page
 *
 * The header holds the id of its commit, which states of before do not have.
 * A page's CRC covers its key as well, so that a page under another page's key is noticed. It is
 * the version and not part of the value, so that committing a page copies nothing.
 */

/** The layout above. A reader of another layout refuses the partition. */
const LAYOUT = 1;
const HEADER = 0;
const PAGE = 1;
const PREFIX_BYTES = 5;
const CRC_BYTES = 4;
const NO_PARTITION = 0xffff_ffff;

/** What is committed of a partition beside its pages. */
export interface LmdbHeader extends CommitRef {
  pageCount: number;
}

export function headerKey(partition: number): Buffer {
  return prefix(partition, HEADER);
}

export function pageKey(partition: number, key: string): Buffer {
  return Buffer.concat([prefix(partition, PAGE), Buffer.from(key, 'utf8')]);
}

/** A key that belongs to no partition. */
export function trialKey(): Buffer {
  return prefix(NO_PARTITION, PAGE + 1);
}

/** Where the pages of a partition begin, and a key above all of them. */
export function pageRange(partition: number): { start: Buffer; end: Buffer } {
  return { start: prefix(partition, PAGE), end: prefix(partition, PAGE + 1) };
}

/** The page key inside a key of the environment. */
export function pageName(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset + PREFIX_BYTES, key.length - PREFIX_BYTES).toString(
    'utf8',
  );
}

export function pageChecksum(key: Uint8Array, page: Uint8Array): number {
  return crc32(page, crc32(key));
}

export function encodeHeader(header: LmdbHeader): Buffer {
  const { logId, position, pageCount, commitId } = header;
  const fields = { layout: LAYOUT, logId, position, pageCount, commitId };
  const body = Buffer.from(JSON.stringify(fields));
  const checksum = Buffer.alloc(CRC_BYTES);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([checksum, body]);
}

export function decodeHeader(value: Uint8Array, where: string): LmdbHeader {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const body = bytes.subarray(CRC_BYTES);
  if (bytes.length <= CRC_BYTES || bytes.readUInt32LE() !== crc32(body)) {
    throw corruptState({ where, detail: 'its position fails its checksum' });
  }
  const fields = JSON.parse(body.toString('utf8')) as LmdbHeader & { layout: number };
  if (fields.layout !== LAYOUT) {
    throw corruptState({ where, detail: `it has layout ${fields.layout}, this program ${LAYOUT}` });
  }
  const { logId, position, pageCount, commitId } = fields;
  return { logId, position, pageCount, commitId };
}

function prefix(partition: number, kind: number): Buffer {
  const bytes = Buffer.alloc(PREFIX_BYTES);
  bytes.writeUInt32BE(partition);
  bytes.writeUInt8(kind, 4);
  return bytes;
}
