import type {
  StoredEdition,
  StoredEditionEnd,
  StoredEditions,
  StoredEditionStart,
  StoredJobEnd,
  StoredPromotion,
  StoredServed,
} from '../../reader-rows.ts';

/** Runs a statement by its name, and gives its rows. */
type Rows = <Row>(name: string) => Promise<Row[]>;

/** Editions, where they begin and end, and what is shown of them. */
export async function readEditions(rowsOf: Rows): Promise<StoredEditions> {
  const editions = await rowsOf<EditionRow>('read-editions');
  const starts = await rowsOf<StartRow>('read-edition-starts');
  const ends = await rowsOf<EndRow>('read-edition-ends');
  const jobEnds = await rowsOf<JobEndRow>('read-job-ends');
  const promotions = await rowsOf<PromotionRow>('read-promotions');
  const served = await rowsOf<ServedRow>('read-served');
  return {
    editions: editions.map(editionOf),
    starts: starts.map(startOf),
    ends: ends.map(endOf),
    jobEnds: jobEnds.map(jobEndOf),
    promotions: promotions.map(promotionOf),
    served: served.filter(({ computed }) => !computed).map(servedOf),
    toServe: served.filter(({ computed }) => computed).map(servedOf),
  };
}

interface EditionRow {
  edition: string;
  rule: string;
  definition: string;
  widths_us: string[];
  aggregates: string[];
  candidate: string | null;
  dropped: boolean;
}

function editionOf(row: EditionRow): StoredEdition {
  const { rule, definition, aggregates, dropped: isDropped } = row;
  const widthsUs = row.widths_us.map(Number);
  const candidate = row.candidate === null ? undefined : Number(row.candidate);
  const edition = Number(row.edition);
  return { edition, rule, definition, widthsUs, aggregates, candidate, isDropped };
}

interface StartRow {
  edition: string;
  log_id: string;
  partition: number;
  from_position: string;
  partitions: number;
  from_partition_time_us: string;
  from_largest_time_us: string;
}

function startOf(row: StartRow): StoredEditionStart {
  return {
    edition: Number(row.edition),
    logId: row.log_id,
    partition: row.partition,
    fromPosition: Number(row.from_position),
    fromPartitionTimeUs: Number(row.from_partition_time_us),
    fromLargestTimeUs: Number(row.from_largest_time_us),
    partitions: row.partitions,
  };
}

interface EndRow {
  edition: string;
  log_id: string;
  partition: number;
  position: string;
  until_us: string;
}

function endOf(row: EndRow): StoredEditionEnd {
  return {
    edition: Number(row.edition),
    logId: row.log_id,
    partition: row.partition,
    position: Number(row.position),
    untilUs: Number(row.until_us),
  };
}

interface JobEndRow {
  candidate: string;
  log_id: string;
  partition: number;
  position: string;
  partitions: number;
  editions: { edition: number; from_us: (number | null)[] }[];
}

function jobEndOf(row: JobEndRow): StoredJobEnd {
  return {
    candidate: Number(row.candidate),
    logId: row.log_id,
    partition: row.partition,
    position: Number(row.position),
    partitions: row.partitions,
    editions: row.editions.map(({ edition, from_us: fromUs }) => {
      return { edition, fromUs: fromUs.map((us) => us ?? -Infinity) };
    }),
  };
}

export interface PromotionRow {
  rule: string;
  version: string;
  edition: string | null;
  from_us: number;
  promoted_us: number;
}

export function promotionOf(row: PromotionRow): StoredPromotion {
  const edition = row.edition === null ? undefined : Number(row.edition);
  const { rule, version, from_us: fromUs } = row;
  return { rule, version: Number(version), edition, fromUs };
}

export interface ServedRow {
  computed: boolean;
  rule: string;
  edition: string;
  from_us: string | null;
  until_us: string | null;
}

export function servedOf({
  rule,
  edition,
  from_us: from,
  until_us: until,
}: ServedRow): StoredServed {
  return {
    ...{ rule, edition: Number(edition) },
    fromUs: from === null ? -Infinity : Number(from),
    untilUs: until === null ? Infinity : Number(until),
  };
}
