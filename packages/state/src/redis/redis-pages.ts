import type { RedisConnection } from './redis-connection.ts';
import { decodePage, isPageField } from './redis-layout.ts';

/** Fields asked for while nothing is known of their size. */
const FIRST_COUNT = 32;
const COUNT_MAX = 2_000;

/**
 * Reads all pages of a hash, in answers of about `answerBytes`, so that neither side ever holds
 * one answer of the whole size and Redis serves others in between. Each page is whole; whether
 * all are of one moment has to be found out by the caller.
 */
export async function readPages(
  params: Readonly<{
    connection: RedisConnection;
    key: string;
    where: string;
    answerBytes: number;
  }>,
): Promise<Map<string, Uint8Array>> {
  const { connection, key, where, answerBytes } = params;
  const pages = new Map<string, Uint8Array>();
  let bytes = 0;
  let fields = 0;
  let cursor = '0';
  do {
    const count = fields === 0 ? FIRST_COUNT : countFor(answerBytes, bytes / fields);
    const [next, found] = await connection.call({
      doing: 'Reading',
      where,
      send: (client) => client.hscanBuffer(key, cursor, 'COUNT', count),
    });
    for (let i = 0; i + 1 < found.length; i += 2) {
      const field = found[i]!;
      const value = found[i + 1]!;
      fields += 1;
      bytes += field.length + value.length;
      if (!isPageField(field)) continue;
      // The same page may come twice while Redis makes the hash larger or smaller.
      const [name, page] = decodePage({ field, value, where });
      pages.set(name, page);
    }
    cursor = next.toString();
  } while (cursor !== '0');
  return pages;
}

function countFor(answerBytes: number, bytesOfOne: number): number {
  return Math.max(1, Math.min(COUNT_MAX, Math.floor(answerBytes / bytesOfOne)));
}
