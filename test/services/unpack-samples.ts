import type { StoreClient } from './store-client.ts';

/**
 * Puts the samples of some series into rows of their own, in `samples_narrow`, where a test can
 * change one of them by SQL. The writer notices that what it packed or was to pack is gone.
 */
export async function unpackSamples(store: StoreClient, metric: string): Promise<void> {
  const mine = 'series_id IN (SELECT series_id FROM series_definitions WHERE metric = $1)';
  await store.rows(
    `DO $$ BEGIN
       IF (SELECT layout FROM store_layout) = 'partitions'
         AND to_regclass('samples_narrow_all') IS NULL THEN
         PERFORM create_store_partition('samples_narrow', 'samples_narrow_all', NULL,
           '1970-01-01', '2100-01-01');
       END IF;
     END $$`,
  );
  await store.rows(
    `WITH known AS (SELECT * FROM samples WHERE ${mine}),
       narrow AS (DELETE FROM samples_narrow WHERE ${mine}),
       head AS (DELETE FROM samples_head WHERE ${mine}),
       packed AS (DELETE FROM samples_packed WHERE ${mine})
     INSERT INTO samples_narrow SELECT * FROM known`,
    [metric],
  );
}
