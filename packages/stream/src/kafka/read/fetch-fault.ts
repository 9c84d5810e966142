import { measureRecordSet } from './record-set.ts';

/** The leader has been that for a moment only, and does not know yet how far its copies are. */
export class LeaderLagsError extends Error {
  override readonly name = 'LeaderLagsError';
}

/** A broker says that it has records and gives none that can be read. */
export class NothingWholeError extends Error {
  override readonly name = 'NothingWholeError';
}

/**
 * What is wrong with an answer that a broker gave without an error code; undefined: nothing. It
 * must not be asked for again at once: the next answer would be the same.
 *
 * `othersBytes`: what came for other partitions in the same answer. The first one that has records
 * always gets a whole batch; for the others there may be no room.
 */
export function findFetchFault(
  params: Readonly<{ position: number; end: number; records: Buffer; othersBytes: number }>,
): Error | undefined {
  const { position, end, records, othersBytes } = params;
  if (end < position) {
    return new LeaderLagsError(`its leader knows of what is durable up to ${end} only`);
  }
  if (othersBytes > 0) return undefined;
  const isLacking = records.length > 0 ? measureRecordSet(records) === undefined : end > position;
  if (!isLacking) return undefined;
  return new NothingWholeError(`its leader has records up to ${end} and gives none of them whole`);
}
