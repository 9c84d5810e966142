INSERT INTO windows_not_completable AS known (
  run, edition, series_id, width, start, pieces, samples, reason
)
SELECT $1, given.* FROM unnest(
  $2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[], $6::bigint[], $7::bigint[],
  $8::text[]
) AS given
ON CONFLICT (edition, series_id, width, start) DO UPDATE SET
  run = excluded.run, pieces = excluded.pieces, samples = excluded.samples,
  reason = excluded.reason
WHERE known.run <= excluded.run
