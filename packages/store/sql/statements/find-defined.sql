SELECT known.series_id
FROM series_definitions AS known
JOIN unnest($1::bigint[], $2::bigint[]) AS given(series_id, fingerprint_check)
  USING (series_id, fingerprint_check)
