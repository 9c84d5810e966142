-- All in one statement, so that it is of one moment.
SELECT
  (SELECT coalesce(json_agg(row_to_json(one)), '[]') FROM (
    SELECT * FROM ledger ORDER BY tenant, partition
  ) AS one),
  (SELECT coalesce(json_agg(row_to_json(one)), '[]') FROM (
    SELECT * FROM ledger_reasons ORDER BY tenant, partition, disposition, reason COLLATE "C"
  ) AS one),
  (SELECT coalesce(json_agg(row_to_json(one)), '[]') FROM (
    SELECT
      partition, log_id AS "logId", position,
      (extract(epoch FROM partition_time) * 1000000)::bigint AS "partitionTimeUs",
      (extract(epoch FROM watermark) * 1000000)::bigint AS "watermarkUs"
    FROM positions
    WHERE source = 'live' AND open AND position IS NOT NULL
      AND isfinite(partition_time) AND isfinite(watermark)
    ORDER BY partition
  ) AS one)
