-- Takes one sample out of the row that it is packed in; the others of that row lie in rows of their
-- own from then on.
WITH chosen AS (
  SELECT packed.tableoid AS part, packed.ctid AS row, one.place
  FROM samples_packed AS packed,
    unnest(packed.small, packed.large, packed.floats, packed.offsets)
    WITH ORDINALITY AS one(small, large, float, offset_us, place)
  WHERE packed.series_id = $1
    AND packed.bucket >= date_trunc('minute', $2::timestamptz)
    AND packed.bucket <= $2::timestamptz + interval '10 minutes'
    AND packed.start
      + coalesce(one.offset_us, (one.place - 1) * packed.step) * interval '1 microsecond' = $2
    AND CASE WHEN packed.stale_places IS NULL OR one.place <> ALL (packed.stale_places)
      THEN coalesce(
        (packed.base + coalesce(one.small, one.large))::double precision / packed.divisor, one.float
      ) END IS NOT DISTINCT FROM $3::double precision
    AND (packed.unverified_places IS NOT NULL AND one.place = ANY (packed.unverified_places)) = $4
  LIMIT 1
), gone AS (
  DELETE FROM samples_packed AS packed USING chosen
  WHERE packed.series_id = $1
    AND packed.bucket >= date_trunc('minute', $2::timestamptz)
    AND packed.bucket <= $2::timestamptz + interval '10 minutes'
    AND packed.tableoid = chosen.part AND packed.ctid = chosen.row
  RETURNING packed.*, chosen.place AS removed
), kept AS (
  INSERT INTO samples_narrow (time, bucket, series_id, value, stale, unverified)
  SELECT
    sample.time, date_trunc('minute', sample.time), sample.series_id, sample.value, sample.stale,
    sample.unverified
  FROM (
    SELECT
      gone.start + coalesce(one.offset_us, (one.place - 1) * gone.step) * interval '1 microsecond'
        AS time,
      gone.series_id,
      CASE WHEN gone.stale_places IS NULL OR one.place <> ALL (gone.stale_places) THEN coalesce(
        (gone.base + coalesce(one.small, one.large))::double precision / gone.divisor, one.float
      ) END AS value,
      gone.stale_places IS NOT NULL AND one.place = ANY (gone.stale_places) AS stale,
      gone.unverified_places IS NOT NULL AND one.place = ANY (gone.unverified_places) AS unverified
    FROM gone,
      unnest(gone.small, gone.large, gone.floats, gone.offsets)
      WITH ORDINALITY AS one(small, large, float, offset_us, place)
    WHERE one.place <> gone.removed
  ) AS sample
)
SELECT 1 FROM gone
