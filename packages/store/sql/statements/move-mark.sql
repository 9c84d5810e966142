-- Must be the first statement of every apply: it locks the mark and refuses when it moved on.
UPDATE positions SET
  mark_offset = $6, mark_ordinal = $7,
  position = coalesce($8, position),
  partition_time = coalesce($9, partition_time),
  watermark = coalesce($10, watermark),
  folded_offset = coalesce($11, folded_offset), folded_digest = coalesce($12, folded_digest),
  updated_at = now()
WHERE log_id = $1 AND partition = $2 AND source = $3
  AND mark_offset = $4 AND mark_ordinal = $5 AND open
