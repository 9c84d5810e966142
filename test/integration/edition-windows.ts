/**
 * Windows of one edition of a rule, `turn` 1 being its oldest, that hold a time, and all later
 * ones that end by another: merged as readers merge pieces, and told apart by nothing but what they
 * are of.
 */
export function editionWindowsSql(
  params: Readonly<{ rule: string; turn: number; sinceMs: number; untilMs: number }>,
): string {
  const { rule, turn, sinceMs, untilMs } = params;
  const [since, until] = [new Date(sinceMs).toISOString(), new Date(untilMs).toISOString()];
  return `
    SELECT series_id::text, width::text, start::text,
      sum(count)::int AS count, round(sum(sum)::numeric, 6)::text AS sum,
      min(min)::text AS min, max(max)::text AS max,
      round(sum(increase)::numeric, 6)::text AS increase,
      min(first_time)::text AS first_time, max(last_time)::text AS last_time,
      bool_or(marked) AS marked
    FROM (SELECT * FROM windows UNION ALL SELECT * FROM windows_open) AS pieces
    JOIN (
      SELECT edition, rule, row_number() OVER (PARTITION BY rule ORDER BY edition) AS turn
      FROM editions
    ) AS one USING (edition)
    WHERE start + width > '${since}' AND start + width <= '${until}'
      AND turn = ${turn} AND rule = '${rule}'
    GROUP BY series_id, width, start
    ORDER BY series_id, width, start`;
}
