WITH old AS (
  DELETE FROM complete_runs WHERE run <= $1::bigint - 100
)
UPDATE complete_runs SET
  ended_at = now(), marked = $2, completed = $3, not_over = $4, not_completable = $5, problem = $6
WHERE run = $1
