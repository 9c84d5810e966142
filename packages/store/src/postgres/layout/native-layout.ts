import type { TimeUs } from '@millrace/model';
import { timeParameter } from '../connection/array-parameters.ts';
import { bigTableOf, EXPIRY_OF } from './big-tables.ts';
import type { Session } from '../connection/session.ts';
import type {
  LayoutKind,
  MissingRange,
  PartitionedTable,
  StorageLayout,
  StoredRange,
} from './storage-layout.ts';
import { DAY_US, spanOf, type TimeRange } from './time-spans.ts';

/** Partitions as every PostgreSQL has them, made by the writer before it needs them. */
export const nativeLayout: LayoutKind = {
  name: 'partitions',
  open: () => Promise.resolve(LAYOUT),
};

const LAYOUT: StorageLayout = {
  name: 'partitions',
  guard: undefined,
  isPacking: true,
  backlogCopySetting: undefined,
  copiesWindows: true,
  homeOf,
  automaticRange: () => undefined,
  readRanges,
  createRange,
  dropRange: async (session, name) => {
    await session.run('drop-partition', [name]);
  },
};

function homeOf(table: string, widthUs: TimeUs | undefined): string {
  return `${table} ${widthUs ?? ''}`;
}

async function readRanges(session: Session): Promise<StoredRange[]> {
  const { rows } = await session.run<{
    name: string;
    parent: PartitionedTable;
    width_us: string | null;
    from_us: string;
    until_us: string;
  }>('read-partitions');
  return rows.map((row) => {
    const widthUs = row.width_us === null ? undefined : Number(row.width_us);
    return {
      name: row.name,
      home: homeOf(row.parent, widthUs),
      ...EXPIRY_OF[bigTableOf(row.parent, widthUs)],
      widthUs,
      columnsOf: undefined,
      fromUs: Number(row.from_us),
      untilUs: Number(row.until_us),
    };
  });
}

/** Around now a day (of wide windows: a month or a year), far from now a year. */
async function createRange(session: Session, missing: MissingRange): Promise<void> {
  const { table, widthUs } = missing;
  const span = spanOf(missing);
  // Their names are free again.
  await session.run('forget-dropped-partitions');
  await session.run('create-partition', [
    table,
    partitionName(table, widthUs, span),
    widthUs ?? null,
    timeParameter(span.fromUs),
    timeParameter(span.untilUs),
  ]);
}

/** `histograms_20261121`, `windows_300s_20261121`, `samples_packed_19700101_19710101`. */
function partitionName(
  table: PartitionedTable,
  widthUs: TimeUs | undefined,
  span: TimeRange,
): string {
  const day = (timeUs: TimeUs) =>
    new Date(timeUs / 1000).toISOString().slice(0, 10).replaceAll('-', '');
  const width =
    widthUs === undefined
      ? ''
      : `_${widthUs % 1_000_000 === 0 ? `${widthUs / 1_000_000}s` : `${widthUs}us`}`;
  const isDay = span.untilUs - span.fromUs === DAY_US;
  return `${table}${width}_${day(span.fromUs)}${isDay ? '' : `_${day(span.untilUs)}`}`;
}
