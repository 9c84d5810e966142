-- A log that lost its end and has grown again has other records under the offsets that are applied.

-- The newest event of which something below the mark is applied, of those that were told with it,
-- and the digest that it had then. NULL: none was told yet.
ALTER TABLE positions
  ADD COLUMN folded_offset bigint,
  ADD COLUMN folded_digest text;
