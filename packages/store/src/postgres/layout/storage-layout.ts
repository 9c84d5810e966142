import type { TimeUs } from '@millrace/model';
import type { Log } from '@millrace/runtime';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import type { ExpiringTable } from '../../retention/stored-expiry.ts';
import type { Session } from '../connection/session.ts';
import type { TimeRange } from './time-spans.ts';

/**
 * How the big tables lie on disk. A database is laid out in one of these ways by its first
 * migration and stays so; queries see the same tables and views either way.
 */
export type LayoutName = 'partitions' | 'hypertables';

/** Tables cut into ranges of time, and those of windows by width as well. */
export type PartitionedTable =
  'samples_narrow' | 'samples_packed' | 'histograms' | 'exemplars' | 'windows';

/** A part of a table that was made for a range of time, and can be dropped as a whole. */
export interface StoredRange extends TimeRange {
  /** Names it as a table, with its schema where that is needed. */
  name: string;
  /** What it is a part of: see `StorageLayout.homeOf`. */
  home: string;
  /** As whose rows those in it expire. */
  table: ExpiringTable;
  /** Of windows of one width; undefined: of all that belong into the table. */
  widthUs: TimeUs | undefined;
  timeColumn: 'time' | 'bucket' | 'start';
  /** The table that it is a part of, where its rows lie in columns: they are deleted by series. */
  columnsOf: string | undefined;
}

/** A time for which there is no range yet, and what is there already. */
export interface MissingRange {
  table: PartitionedTable;
  widthUs: TimeUs | undefined;
  timeUs: TimeUs;
  nowUs: TimeUs;
  /** Those of the same home. */
  ranges: readonly TimeRange[];
}

export interface StorageLayout {
  readonly name: LayoutName;
  /** A statement that fails in a session in which rows would not go where they belong. */
  readonly guard: string | undefined;
  /** Whether raw samples are packed. Where the database has columns for them they are not. */
  readonly isPacking: boolean;
  /** A setting to be made in the transaction before a backlog is copied: see `isBacklog`. */
  readonly backlogCopySetting: string | undefined;
  /** Whether `windows` is a table, which rows can be copied into. */
  readonly copiesWindows: boolean;
  /** Names the place of such rows: what lies in one place shares its ranges. */
  homeOf(table: PartitionedTable, widthUs: TimeUs | undefined): string;
  /** Times for which the database makes ranges by itself when rows arrive. */
  automaticRange(widthUs: TimeUs | undefined, nowUs: TimeUs): TimeRange | undefined;
  readRanges(session: Session): Promise<StoredRange[]>;
  /** Makes a range that covers the time; in a transaction that holds AdvisoryLock.ranges. */
  createRange(session: Session, missing: MissingRange): Promise<void>;
  /** Drops a range; in a transaction that holds AdvisoryLock.ranges. */
  dropRange(session: Session, name: string): Promise<void>;
}

/** A layout that a store can work with, once it has looked what the server offers for it. */
export interface LayoutKind {
  readonly name: LayoutName;
  open(session: Session, log: Log): Promise<StorageLayout>;
}

/** The layout that the database has, of those that this store can work with. */
export async function openLayout(
  session: Session,
  params: Readonly<{ kinds: readonly LayoutKind[]; log: Log }>,
): Promise<StorageLayout> {
  const { rows } = await session.run<{ layout: LayoutName }>('read-layout');
  const found = rows[0]?.layout;
  const kind = params.kinds.find(({ name }) => name === found);
  if (kind === undefined) throw otherLayout(String(found), params.kinds);
  return kind.open(session, params.log);
}

/** The database is laid out in a way that whoever asks cannot or must not work with. */
export function otherLayout(found: string, wanted: readonly { name: LayoutName }[]): StoreError {
  const names = wanted.map(({ name }) => name).join(' or ');
  return new StoreError({
    code: StoreErrorCode.layout,
    kind: 'permanent',
    message:
      `The big tables of this database are laid out as ${found}, and ${names} are asked for. ` +
      'Nothing was changed, and nothing is lost: the log keeps what is not stored yet.',
    remedy:
      `A database keeps the layout of its first migration. Run with a configuration that takes ` +
      `${found} (DATABASE_URL takes both unless told otherwise), or use an empty database.`,
  });
}
