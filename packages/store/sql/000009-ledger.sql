-- The ledger tells what the log has lost, and the reasons of what was dropped or is a dead letter.

ALTER TABLE ledger_totals
  ADD COLUMN lost bigint NOT NULL DEFAULT 0,
  -- Dead letters that a person sent again, or threw away.
  ADD COLUMN dead_letter_to_duplicate bigint NOT NULL DEFAULT 0,
  ADD COLUMN dead_letter_to_dropped bigint NOT NULL DEFAULT 0;

-- Internal: query the view `ledger_reasons`.
CREATE TABLE ledger_reason_totals (
  log_id text NOT NULL,
  partition integer NOT NULL,
  source text NOT NULL,
  tenant text NOT NULL,
  -- dropped: the reason is a rule, or a person's hand; dead_letter: as in `dead_letters`.
  disposition text NOT NULL,
  reason text NOT NULL,
  samples bigint NOT NULL,
  PRIMARY KEY (log_id, partition, source, tenant, disposition, reason)
) WITH (fillfactor = 50);

-- When a dead letter was sent through the log again, and the token of that request.
ALTER TABLE dead_letters
  ADD COLUMN redriven_at timestamptz,
  ADD COLUMN redrive_token text;

-- What lies there already has its reasons too. Only samples are counted in the ledger.
INSERT INTO ledger_reason_totals (
  log_id, partition, source, tenant, disposition, reason, samples
)
SELECT log_id, partition, source, tenant, 'dead_letter', reason, count(*)
FROM dead_letters WHERE entry IN ('sample', 'histogram', 'unverified sample')
GROUP BY log_id, partition, source, tenant, reason;

-- Where every accepted sample went, per tenant and partition:
-- accepted = stored + duplicate + conflict + dropped + unverified + dead_letter, in every row,
-- unless the log itself lost samples that a receiver had acknowledged: they are accepted and
-- `lost`, and have no disposition. Tenant '' has those of which nobody can say whose they were.
-- What the store moved between columns may be ahead of the totals for one publish interval; it
-- shows as far as the totals cover it.
CREATE OR REPLACE VIEW ledger AS
SELECT
  moved.tenant,
  moved.partition,
  sum(moved.accepted)::bigint AS accepted,
  sum(moved.stored + moved.to_stored - moved.stored_to_dead)::bigint AS stored,
  sum(moved.duplicate + moved.to_duplicate + moved.dead_to_duplicate)::bigint AS duplicate,
  sum(moved.conflict)::bigint AS conflict,
  sum(moved.dropped + moved.dead_to_dropped)::bigint AS dropped,
  sum(moved.unverified - moved.to_stored - moved.to_duplicate - moved.to_dead)::bigint
    AS unverified,
  sum(moved.dead - moved.dead_to_duplicate - moved.dead_to_dropped)::bigint AS dead_letter,
  sum(moved.lost)::bigint AS lost
FROM (
  SELECT
    totals.*, to_stored, to_duplicate, to_dead, stored_to_dead, dead, dead_to_duplicate,
    dead_to_dropped
  FROM ledger_totals AS totals,
    LATERAL (SELECT least(unverified_to_stored, unverified) AS to_stored) AS a,
    LATERAL (SELECT least(unverified_to_duplicate, unverified - to_stored) AS to_duplicate) AS b,
    LATERAL (
      SELECT least(unverified_to_dead_letter, unverified - to_stored - to_duplicate) AS to_dead
    ) AS c,
    LATERAL (
      SELECT least(stored_to_dead_letter, stored + to_stored) AS stored_to_dead
    ) AS d,
    LATERAL (SELECT dead_letter + to_dead + stored_to_dead AS dead) AS e,
    LATERAL (SELECT least(dead_letter_to_duplicate, dead) AS dead_to_duplicate) AS f,
    LATERAL (
      SELECT least(dead_letter_to_dropped, dead - dead_to_duplicate) AS dead_to_dropped
    ) AS g
  WHERE totals.source = 'live'
) AS moved
GROUP BY moved.tenant, moved.partition;

-- What `dropped` and `dead_letter` of the ledger are made of; in sum they are those columns. Of
-- what fold version 1 dropped the reason is not known: it is ''.
CREATE VIEW ledger_reasons AS
WITH whole AS (
  SELECT tenant, partition, 'dropped' AS disposition, dropped AS samples FROM ledger
  UNION ALL
  SELECT tenant, partition, 'dead_letter', dead_letter FROM ledger
),
known AS (
  SELECT
    tenant, partition, disposition, reason, sum(samples)::bigint AS samples,
    -- As far as the totals cover it, like the ledger itself.
    (sum(sum(samples)) OVER (
      PARTITION BY tenant, partition, disposition ORDER BY reason
    ))::bigint AS until_here
  FROM ledger_reason_totals
  WHERE source = 'live'
  GROUP BY tenant, partition, disposition, reason
),
shown AS (
  SELECT
    tenant, partition, disposition, known.reason,
    least(known.samples, whole.samples - (known.until_here - known.samples)) AS samples
  FROM whole JOIN known USING (tenant, partition, disposition)
  UNION ALL
  SELECT
    whole.tenant, whole.partition, whole.disposition, '',
    whole.samples - coalesce(max(known.until_here), 0)
  FROM whole LEFT JOIN known USING (tenant, partition, disposition)
  GROUP BY whole.tenant, whole.partition, whole.disposition, whole.samples
)
SELECT tenant, partition, disposition, reason, samples FROM shown WHERE samples > 0;
