-- What a person may ask, what it is, and its columns.
SELECT
  known.relation, known.what,
  (SELECT
     string_agg(
       CASE catcode WHEN 'R' THEN quote_ident(attname) ELSE attname END, ', ' ORDER BY attnum
     )
   FROM pg_attribute
   LEFT JOIN pg_get_keywords() ON word = attname
   WHERE attrelid = to_regclass(known.relation) AND attnum > 0 AND NOT attisdropped) AS columns
FROM (VALUES
  (1, 'series', 'every series'),
  (2, 'series_samples', 'raw samples, with the names of their series'),
  (3, 'samples', 'raw samples, by series_id'),
  (4, 'histograms', 'native histograms, raw, as they came: quantile() reads those of windows'),
  (5, 'exemplars', 'exemplars of series kept raw'),
  (6, 'series_windows', 'what rules made of samples, by window'),
  (7, 'edition_windows', 'the same of all editions, also of those not served'),
  (8, 'editions', 'versions of rules'),
  (9, 'served', 'which edition series_windows shows'),
  (10, 'metadata', 'type, unit and help of metrics'),
  (11, 'positions', 'how far every partition is applied; watermarks'),
  (12, 'ledger', 'what became of every accepted sample'),
  (13, 'ledger_reasons', 'why samples were dropped or became dead letters'),
  (14, 'dead_letters', 'what could not be stored'),
  (15, 'unverified', 'what could not be told from a duplicate'),
  (16, 'expired', 'below which time rows may have been deleted')
) AS known (place, relation, what)
ORDER BY known.place
