-- Nothing more is taken of the jobs of these editions' candidates.
UPDATE positions SET open = false, updated_at = now()
WHERE open AND source IN (
  SELECT 'job-' || candidate FROM editions WHERE edition = ANY ($1::bigint[])
)
