-- Retention by rule and tenant: what is kept how long, and what was deleted of whom.

-- As before a row is written by the transaction that deletes, and holds for rows to which all of it
-- applies: of that width and edition (NULL: of any), and of that tenant. `others`: of all tenants
-- that are not in `retention_tenants`; neither a tenant nor others: of everybody.
ALTER TABLE expired DROP CONSTRAINT expired_pkey;
ALTER TABLE expired ADD COLUMN width interval;
ALTER TABLE expired ADD COLUMN edition bigint;
ALTER TABLE expired ADD COLUMN tenant text;
ALTER TABLE expired ADD COLUMN others boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX expired_of ON expired (
  table_name, coalesce(width, interval '0'), coalesce(edition, 0), coalesce(tenant, ''), others
);

-- Internal: tenants of whom it is noted apart what was deleted, for good.
CREATE TABLE retention_tenants (
  tenant text PRIMARY KEY
);

-- Below which time rows of a table may have been deleted, of one width, edition and tenant; NULL:
-- none was.
CREATE FUNCTION expired_before(
  of_table text, of_width interval, of_edition bigint, of_tenant text
) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT max(gone.before)
  FROM expired AS gone
  WHERE gone.table_name = of_table
    AND (gone.width IS NULL OR gone.width = of_width)
    AND (gone.edition IS NULL OR gone.edition = of_edition)
    AND CASE
      WHEN gone.tenant IS NOT NULL THEN gone.tenant = of_tenant
      WHEN gone.others THEN of_tenant IS NULL
        OR NOT EXISTS (SELECT FROM retention_tenants AS apart WHERE apart.tenant = of_tenant)
      ELSE true
    END
$$;

-- Internal: how long what is kept, as the last upkeep had it: settings, and what rule files say.
CREATE TABLE retention_policy (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  policy jsonb NOT NULL,
  noted_at timestamptz NOT NULL,
  -- What all upkeeps together have deleted: parts of tables with about so many rows, and rows.
  parts_dropped bigint NOT NULL DEFAULT 0,
  rows_dropped bigint NOT NULL DEFAULT 0,
  rows_deleted bigint NOT NULL DEFAULT 0
);

-- Internal: tables out of which single rows were deleted, below which times, and how many rows had
-- ever come when that began: as long as both are the same there is nothing to be done.
CREATE TABLE retention_sweeps (
  leaf text PRIMARY KEY,
  cuts text NOT NULL,
  inserted bigint NOT NULL,
  swept_at timestamptz NOT NULL
);

-- Internal: deletes of some blocks of a table what is past its retention; `places` are those of the
-- cuts, counted from 1. Blocks, because they bound what one statement does, whatever lies there. A
-- cut without a tenant is for all who have none of their own.
CREATE FUNCTION delete_past_retention(
  leaf regclass, time_column text, from_block bigint, until_block bigint,
  editions bigint[], widths interval[], tenants text[], befores timestamptz[]
) RETURNS TABLE (place integer, deleted bigint) LANGUAGE plpgsql AS $$
DECLARE
  of_window text := CASE WHEN time_column = 'start'
    THEN 'AND %1$s.edition = piece.edition AND %1$s.width = piece.width' ELSE '' END;
  has_tenants boolean := EXISTS (SELECT FROM unnest(tenants) AS one WHERE one IS NOT NULL);
  rows_past tid[];
  places integer[];
BEGIN
  IF leaf IS NULL THEN RETURN; END IF;
  EXECUTE format(
    'WITH cuts AS MATERIALIZED ('
    ' SELECT * FROM unnest($3, $4, $5, $6)'
    ' WITH ORDINALITY AS cut(edition, width, tenant, before, place))'
    ' SELECT array_agg(piece.ctid), array_agg(%3$s)'
    ' FROM %1$s AS piece LEFT JOIN cuts AS other ON other.tenant IS NULL %4$s %5$s'
    ' WHERE piece.ctid >= $1 AND piece.ctid < $2 AND piece.%2$I < %6$s',
    leaf, time_column,
    CASE WHEN has_tenants THEN 'coalesce(own.place, other.place)' ELSE 'other.place' END,
    format(of_window, 'other'),
    CASE WHEN has_tenants THEN
      'LEFT JOIN series_definitions AS known ON known.series_id = piece.series_id'
      ' LEFT JOIN cuts AS own ON own.tenant = known.tenant ' || format(of_window, 'own')
    ELSE '' END,
    CASE WHEN has_tenants THEN 'coalesce(own.before, other.before)' ELSE 'other.before' END
  ) INTO rows_past, places
  USING format('(%s,0)', from_block)::tid, format('(%s,0)', until_block)::tid,
    editions, widths, tenants, befores;
  EXECUTE format('DELETE FROM %s WHERE ctid = ANY ($1)', leaf) USING rows_past;
  RETURN QUERY
    SELECT one.place, count(*) FROM unnest(places) AS one(place) GROUP BY one.place;
END
$$;

-- Internal: the time of the oldest row of a table; NULL: there is none, or no such table.
CREATE FUNCTION oldest_row(leaf regclass, time_column text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
  oldest timestamptz;
BEGIN
  EXECUTE format('SELECT min(%I) FROM %s', time_column, leaf) INTO oldest;
  RETURN oldest;
END
$$;

-- Internal: deletes rows of some series in [from_time, until_time): by what names a segment where
-- rows lie in columns, so that others need not be taken out of them.
CREATE FUNCTION delete_series_rows(
  parent regclass, time_column text, series bigint[], from_time timestamptz,
  until_time timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  deleted bigint;
BEGIN
  EXECUTE format(
    'DELETE FROM %s WHERE series_id = ANY ($1) AND %I >= $2 AND %I < $3',
    parent, time_column, time_column
  ) USING series, from_time, until_time;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
