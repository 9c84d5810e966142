import { crc32 } from 'node:zlib';
import { corruptState } from '../state-error.ts';
import type { StatePosition } from '../state.ts';

/*
 * One hash per partition. Its name holds the partition in braces, so that all of it lies on one
 * node of a Redis Cluster:
 *
 *   millrace:{p7}:state
 *     layout     1
 *     log        the log id
 *     position   the next offset to read of that log
 *     pages      how many pages there are
 *     commit     a random id of the last commit, so that a reader notices one in between, and an
 *                owner one that led to the same position
 *     /KEY       CRC-32 u32 LE | the page; one field for each page
 *
 * A page's CRC covers its field's name as well, so that a page under another name is noticed.
 */

/** The layout above. A reader of another layout refuses the partition. */
export const LAYOUT = '1';
export const HEADER_FIELDS = ['layout', 'log', 'position', 'pages', 'commit'] as const;
const PAGE_PREFIX = '/';
const PAGE_PREFIX_BYTE = 0x2f;
const CRC_BYTES = 4;

/** What is committed of a partition beside its pages. */
export interface RedisHeader extends StatePosition {
  pageCount: number;
  /** Another one after each commit. */
  commit: string;
}

export function stateKey(keyPrefix: string, partition: number): string {
  return `${keyPrefix}:{p${partition}}:state`;
}

/** As read-header.lua gives it. */
export type HeaderReply = readonly [fields: readonly (string | null)[], fieldCount: number];

/** Undefined when nothing was ever committed. @throws StateError STATE_CORRUPT */
export function decodeHeader(reply: HeaderReply, where: string): RedisHeader | undefined {
  const [fields, fieldCount] = reply;
  const missing = HEADER_FIELDS.filter((_, index) => typeof fields[index] !== 'string');
  if (fieldCount === 0) return undefined;
  if (missing.length > 0) {
    const detail = `it has ${fieldCount} fields and no ${missing.join(', ')}`;
    throw corruptState({ where, detail });
  }
  const [layout, logId, position, pageCount, commit] = fields as readonly string[];
  if (layout !== LAYOUT) {
    throw corruptState({ where, detail: `it has layout ${layout}, this program ${LAYOUT}` });
  }
  const header = {
    logId: logId!,
    position: Number(position),
    pageCount: Number(pageCount),
    commit: commit!,
  };
  if (!isCount(header.position) || !isCount(header.pageCount)) {
    const detail = `its position is "${position}" and its number of pages "${pageCount}"`;
    throw corruptState({ where, detail });
  }
  const pages = fieldCount - HEADER_FIELDS.length;
  if (pages !== header.pageCount) {
    throw corruptState({
      where,
      detail: `${pages} pages are there, ${header.pageCount} were committed`,
    });
  }
  return header;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Pages as arguments of commit.lua. */
export interface EncodedPages {
  /** Field, value, field, value. */
  puts: Buffer[];
  /** Fields. */
  removes: Buffer[];
  bytes: number;
}

export function encodePages(pages: ReadonlyMap<string, Uint8Array | undefined>): EncodedPages {
  const puts: Buffer[] = [];
  const removes: Buffer[] = [];
  let bytes = 0;
  // One piece of memory for all values: thousands of small ones cost more than their bytes.
  const values = Buffer.allocUnsafeSlow(valueBytes(pages));
  let at = 0;
  for (const [name, page] of pages) {
    const field = Buffer.from(PAGE_PREFIX + name, 'utf8');
    bytes += field.length;
    if (page === undefined) {
      removes.push(field);
      continue;
    }
    const value = values.subarray(at, (at += CRC_BYTES + page.length));
    value.writeUInt32LE(crc32(page, crc32(field)));
    value.set(page, CRC_BYTES);
    puts.push(field, value);
  }
  return { puts, removes, bytes: bytes + values.length };
}

function valueBytes(pages: ReadonlyMap<string, Uint8Array | undefined>): number {
  let bytes = 0;
  for (const page of pages.values()) if (page !== undefined) bytes += CRC_BYTES + page.length;
  return bytes;
}

/** A field that holds a page and no part of the header. */
export function isPageField(field: Uint8Array): boolean {
  return field[0] === PAGE_PREFIX_BYTE;
}

/** The page in memory of its own. @throws StateError STATE_CORRUPT */
export function decodePage(
  params: Readonly<{ field: Buffer; value: Buffer; where: string }>,
): [name: string, page: Uint8Array] {
  const { field, value, where } = params;
  const name = field.toString('utf8', 1);
  const page = new Uint8Array(Math.max(0, value.length - CRC_BYTES));
  page.set(value.subarray(CRC_BYTES));
  if (value.length < CRC_BYTES || value.readUInt32LE() !== crc32(page, crc32(field))) {
    throw corruptState({ where, detail: `page "${name}" fails its checksum` });
  }
  return [name, page];
}
