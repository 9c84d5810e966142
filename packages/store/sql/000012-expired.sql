-- Below which time rows of a table may have been deleted because they were past their retention.
-- Written by the transaction that deletes them: who checks what is stored misses none of these.
-- Tables as a whole are dropped for a range of time, so that some older rows may be there still.
CREATE TABLE expired (
  -- samples, histograms, exemplars, windows_narrow (narrower than an hour), windows_wide, by the
  -- time of their rows; unverified by `received_at`, dead_letters by `recorded_at`.
  table_name text PRIMARY KEY,
  before timestamptz NOT NULL
);

-- What was deleted until now, nobody has written down; an hour is the shortest retention there was.
INSERT INTO expired (table_name, before)
SELECT name, newest.watermark - interval '1 hour'
FROM
  unnest(ARRAY[
    'samples', 'histograms', 'exemplars', 'windows_narrow', 'windows_wide', 'unverified',
    'dead_letters'
  ]) AS name,
  (SELECT max(watermark) AS watermark FROM positions WHERE source = 'live') AS newest
WHERE newest.watermark IS NOT NULL;
