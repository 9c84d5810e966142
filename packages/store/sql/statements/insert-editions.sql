WITH given AS (
  SELECT *
  FROM unnest($1::bigint[], $2::text[], $3::jsonb[], $4::jsonb[], $5::bigint[], $6::timestamptz[],
    $7::timestamptz[], $8::bigint[], $9::bigint[])
    AS given(
      edition, rule, definition, shape, from_position, from_partition_time, from_largest_time,
      partitions, candidate
    )
), started AS (
  INSERT INTO edition_starts (
    edition, log_id, partition, from_position, from_partition_time, from_largest_time, partitions
  )
  SELECT edition, $10, $11, from_position, from_partition_time, from_largest_time, partitions
  FROM given
  ON CONFLICT (edition, log_id, partition) DO NOTHING
)
INSERT INTO editions (edition, rule, definition, widths, aggregates, candidate)
SELECT
  edition, rule, definition,
  ARRAY(
    SELECT width::bigint * interval '1 microsecond'
    FROM jsonb_array_elements_text(shape -> 'widthsUs') AS width
  ),
  ARRAY(SELECT jsonb_array_elements_text(shape -> 'aggregates')),
  candidate
FROM given
ORDER BY edition
ON CONFLICT (edition) DO NOTHING
