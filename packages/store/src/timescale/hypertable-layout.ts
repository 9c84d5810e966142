import type { TimeUs } from '@millrace/model';
import type { Log } from '@millrace/runtime';
import { timeParameter } from '../postgres/connection/array-parameters.ts';
import { bigTableOf, EXPIRY_OF, type BigTable } from '../postgres/layout/big-tables.ts';
import type { Session } from '../postgres/connection/session.ts';
import type {
  LayoutKind,
  MissingRange,
  StorageLayout,
  StoredRange,
} from '../postgres/layout/storage-layout.ts';
import {
  covers,
  DAY_US,
  HOUR_US,
  timesNear,
  type TimeRange,
} from '../postgres/layout/time-spans.ts';
import { readFeatures } from './timescale-features.ts';

/**
 * Hypertables of TimescaleDB, any edition. Their chunks around now are the server's business, with
 * the interval that whoever runs it has set; chunks far from now are made long beforehand.
 */
export function hypertableLayout(): LayoutKind {
  let told: string | undefined;
  const tellOnce = (log: Log, fields: Readonly<Record<string, unknown>>) => {
    const all = JSON.stringify(fields);
    if (told !== all) log.info(fields, 'The store uses hypertables of TimescaleDB');
    told = all;
  };
  return {
    name: 'hypertables',
    open: async (session, log) => {
      const { directCompressSetting, ...decisions } = await readFeatures(session);
      const isPacking = directCompressSetting === undefined;
      tellOnce(log, decisions);
      return { ...LAYOUT, isPacking, backlogCopySetting: directCompressSetting };
    },
  };
}

const LAYOUT: Omit<StorageLayout, 'backlogCopySetting' | 'isPacking'> = {
  name: 'hypertables',
  // Without its library, after a restart of the server say, hypertables look like plain tables:
  // rows would go into them instead of into chunks, and be invisible when it is back.
  guard: 'SHOW timescaledb.license',
  copiesWindows: false,
  homeOf: bigTableOf,
  automaticRange,
  readRanges,
  createRange,
  dropRange: async (session, name) => {
    await session.run('drop-chunk', [name]);
  },
};

/** What lies in one table has one answer: wide windows of all widths are kept for years. */
function automaticRange(widthUs: TimeUs | undefined, nowUs: TimeUs): TimeRange {
  return timesNear(widthUs === undefined ? undefined : Math.min(widthUs, HOUR_US), nowUs);
}

async function readRanges(session: Session): Promise<StoredRange[]> {
  const { rows } = await session.run<{
    name: string;
    parent: BigTable;
    is_compressed: boolean;
    from_us: string;
    until_us: string;
  }>('read-chunks');
  return rows.map((row) => ({
    name: row.name,
    home: row.parent,
    ...EXPIRY_OF[row.parent],
    widthUs: undefined,
    columnsOf: row.is_compressed ? row.parent : undefined,
    fromUs: Number(row.from_us),
    untilUs: Number(row.until_us),
  }));
}

async function createRange(session: Session, missing: MissingRange): Promise<void> {
  const { table, widthUs, timeUs } = missing;
  const near = automaticRange(widthUs, missing.nowUs);
  await session.run('create-chunk', [
    bigTableOf(table, widthUs),
    timeParameter(timeUs),
    chunkLengthUs(timeUs, near),
  ]);
}

/** Each a multiple of the next one, so that longer chunks leave no odd pieces between them. */
const LENGTHS_DAYS = [364, 182, 91, 7, 1];

/** The longest for which the chunk around a time stays out of the times near now. */
export function chunkLengthUs(timeUs: TimeUs, near: TimeRange): TimeUs {
  for (const days of LENGTHS_DAYS) {
    const lengthUs = days * DAY_US;
    // TimescaleDB counts from 1970.
    const fromUs = Math.floor(timeUs / lengthUs) * lengthUs;
    const chunk = { fromUs, untilUs: fromUs + lengthUs };
    if (chunk.untilUs <= near.fromUs || chunk.fromUs >= near.untilUs) return lengthUs;
    if (covers(near, timeUs)) break;
  }
  return DAY_US;
}
