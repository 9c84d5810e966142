SELECT
  run::float8, scheduled, (extract(epoch FROM started_at) * 1000)::float8 AS started_ms,
  (extract(epoch FROM ended_at) * 1000)::float8 AS ended_ms,
  marked::float8, completed::float8, not_over::float8, not_completable::float8, problem
FROM complete_runs ORDER BY run DESC LIMIT 1
