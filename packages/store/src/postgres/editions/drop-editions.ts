import { editionServed, editionUnknown } from '../../edition-errors.ts';
import type { DropProgress } from '../../edition-store.ts';
import { readEditionFacts, readServed } from './edition-facts.ts';
import type { PostgresPool } from '../connection/postgres-pool.ts';
import type { Session } from '../connection/session.ts';

/** About 16 MB are looked at by one statement. */
const BLOCKS_MAX = 2_000;
const OPEN_ROWS_MAX = 20_000;

const WHAT = 'Windows of dropped editions could not be deleted';

/**
 * From here on windows of these editions that are not served are not there for anybody; in a
 * transaction.
 *
 * @throws StoreError EDITION_UNKNOWN, EDITION_SERVED.
 */
export async function markDropped(session: Session, editions: readonly number[]): Promise<void> {
  await session.run('lock-all-editions');
  const facts = await readEditionFacts(session);
  const unknown = editions.filter((one) => !facts.some(({ edition }) => edition === one));
  if (unknown.length > 0) throw editionUnknown(unknown);
  const { rows } = await session.run<{ watermark_us: number }>('smallest-watermark');
  const watermarkUs = rows[0]!.watermark_us;
  for (const { edition, rule, untilUs } of await readServed(session)) {
    // Windows that it is still to get are shown of it.
    if (editions.includes(edition) && untilUs > watermarkUs) {
      throw editionServed(rule, edition, untilUs);
    }
  }
  await session.run('mark-dropped', [editions]);
  await session.run('close-jobs', [editions]);
}

/**
 * Deletes what there is of all dropped editions, but for windows that they are served for: in
 * bounded steps, from the start whenever it was interrupted.
 */
export async function deleteDropped(
  pool: PostgresPool,
  params: Readonly<{ signal?: AbortSignal; onProgress?: (progress: DropProgress) => void }> = {},
): Promise<DropProgress> {
  const { signal, onProgress } = params;
  let rows = 0;
  const step = async (statement: string, parameters: readonly unknown[]): Promise<number> => {
    signal?.throwIfAborted();
    const deleted = await pool.use(WHAT, async (session) => {
      const result = await session.run<{ deleted: number }>(statement, parameters);
      return result.rows[0]?.deleted ?? result.count;
    });
    rows += deleted;
    if (deleted > 0) onProgress?.({ rows });
    return deleted;
  };
  while ((await step('delete-dropped-open', [OPEN_ROWS_MAX])) === OPEN_ROWS_MAX);
  while ((await step('delete-dropped-complete', [OPEN_ROWS_MAX])) === OPEN_ROWS_MAX);
  const leaves = await pool.use(WHAT, async (session) => {
    return (await session.run<{ leaf: string; blocks: number }>('read-window-leaves')).rows;
  });
  for (const { leaf, blocks } of leaves) {
    for (let block = 0; block < blocks; block += BLOCKS_MAX) {
      await step('delete-dropped', [leaf, block, block + BLOCKS_MAX]);
    }
  }
  return { rows };
}

/** The same as a part of upkeep: nothing where there is nothing to be done. */
export async function freeDropped(pool: PostgresPool): Promise<number> {
  const { unfreed, settled } = await pool.use(WHAT, async (session) => {
    return (await session.run<{ unfreed: number; settled: string[] }>('read-unfreed')).rows[0]!;
  });
  if (unfreed === 0) return 0;
  const { rows } = await deleteDropped(pool);
  await pool.use(WHAT, (session) => session.run('mark-freed', [settled]));
  return rows;
}
