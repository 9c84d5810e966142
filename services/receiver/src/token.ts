/** A place in one partition of the events log: everything below it was in the answered request. */
export interface TokenPosition {
  partition: number;
  position: number;
  /** The log's id, or undefined when the receiver did not know it. */
  logId: string | undefined;
}

/*
 * base64url of: version u8, then for each partition
 *   partition varint, position varint, first 4 bytes of the log id (zeros: not known)
 */
const TOKEN_VERSION = 1;
const LOG_ID_BYTES = 4;
/** Two numbers of at most 53 bits, and the log id. */
const POSITION_BYTES_MAX = 8 + 8 + LOG_ID_BYTES;
const LOG_ID_UNKNOWN = '0'.repeat(LOG_ID_BYTES * 2);
const TOKEN_LENGTH_MAX = 64 * 1024;

/** An opaque, URL-safe text for the positions; empty input gives a token that waits for nothing. */
export function encodeToken(positions: readonly TokenPosition[]): string {
  const bytesMax = 1 + positions.length * POSITION_BYTES_MAX;
  if (bytesMax > room.length) room = Buffer.alloc(2 * bytesMax);
  let at = room.writeUInt8(TOKEN_VERSION);
  for (const { partition, position, logId } of positions) {
    at = writeVarint(room, at, partition);
    at = writeVarint(room, at, position);
    at += room.write(shortLogId(logId) ?? LOG_ID_UNKNOWN, at, 'hex');
  }
  return room.toString('base64url', 0, at);
}

/** Used from token to token. */
let room = Buffer.alloc(256);

/** The positions of a token, log ids shortened; undefined when it is none of ours. */
export function decodeToken(token: string): TokenPosition[] | undefined {
  if (token.length > TOKEN_LENGTH_MAX || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes[0] !== TOKEN_VERSION) return undefined;
  const positions: TokenPosition[] = [];
  for (let at = 1; at < bytes.length;) {
    const partition = readVarint(bytes, at);
    const position = partition && readVarint(bytes, partition.end);
    if (!partition || !position || position.end + LOG_ID_BYTES > bytes.length) return undefined;
    at = position.end + LOG_ID_BYTES;
    const logId = bytes.toString('hex', position.end, at);
    positions.push({
      partition: partition.value,
      position: position.value,
      logId: logId === LOG_ID_UNKNOWN ? undefined : logId,
    });
  }
  return positions;
}

/** As much of a log id as a token carries. */
export function shortLogId(logId: string | undefined): string | undefined {
  return logId?.slice(0, LOG_ID_BYTES * 2);
}

function writeVarint(bytes: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) + 0x80;
  bytes[at] = rest;
  return at + 1;
}

function readVarint(bytes: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    value += (byte % 0x80) * scale;
    if (value > Number.MAX_SAFE_INTEGER) return undefined;
    if (byte < 0x80) return { value, end: at + 1 };
    scale *= 0x80;
  }
  return undefined;
}
