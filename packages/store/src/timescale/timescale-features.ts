import type { Session } from '../postgres/connection/session.ts';
import { StoreError, StoreErrorCode } from '../store-error.ts';

/** What of TimescaleDB is used, beyond hypertables. */
export interface TimescaleFeatures {
  version: string;
  /** `apache` or `timescale`. */
  license: string;
  /** Which tables can be turned into columns, and how. */
  columnstore: string;
  /** Whether rows are compressed while they are copied, and why not. */
  directCompress: string;
  /** What switches that on in a transaction. */
  directCompressSetting: string | undefined;
}

/** As the server tells it. */
export interface TimescaleOffer {
  version: string;
  license: string | null;
  /** Whether it knows the setting. */
  direct_compress: boolean;
}

/** A row of `timescale-columnstore`. */
interface ColumnstoreTable {
  name: string;
  is_enabled: boolean;
}

/** Hypertables are made by `by_range`. */
export const TIMESCALE_VERSION_MIN = '2.13';
/** Tables get their columnstore settings by these names since. */
const COLUMNSTORE_VERSION_MIN = '2.18';
/** Older ones lost rows in direct compress. */
const DIRECT_COMPRESS_VERSION_MIN = '2.29.2';

export async function readFeatures(session: Session): Promise<TimescaleFeatures> {
  const { rows } = await session.run<TimescaleOffer>('timescale-features');
  const offer = rows[0];
  if (offer === undefined) {
    throw new StoreError({
      code: StoreErrorCode.schema,
      kind: 'transient',
      message:
        'This database was laid out with hypertables, and its server does not load TimescaleDB. ' +
        'Nothing is lost: the log keeps what is not stored yet.',
      remedy:
        "Start the server with shared_preload_libraries = 'timescaledb', of the version that the " +
        'database has; work goes on by itself.',
    });
  }
  const tables = hasColumnstore(offer) ? await readColumnstore(session) : [];
  return featuresOf(offer, tables);
}

export async function readColumnstore(session: Session): Promise<ColumnstoreTable[]> {
  return (await session.run<ColumnstoreTable>('timescale-columnstore')).rows;
}

/** Whether tables can be turned into columns at all. */
export function hasColumnstore({ license, version }: TimescaleOffer): boolean {
  return license === 'timescale' && isAtLeast(version, COLUMNSTORE_VERSION_MIN);
}

export function featuresOf(
  offer: TimescaleOffer,
  tables: readonly ColumnstoreTable[],
): TimescaleFeatures {
  const { version } = offer;
  const license = offer.license ?? 'apache';
  const enabled = tables.filter((table) => table.is_enabled).map(({ name }) => name);
  const whyNot = whyNoDirectCompress(offer, enabled);
  return {
    ...{ version, license },
    columnstore: enabled.length === 0 ? 'not used' : `by series and time: ${enabled.join(', ')}`,
    directCompress: whyNot ?? 'used for batches with many samples of each series',
    directCompressSetting:
      whyNot === undefined ? 'timescaledb.enable_direct_compress_copy = on' : undefined,
  };
}

function whyNoDirectCompress(
  offer: TimescaleOffer,
  enabled: readonly string[],
): string | undefined {
  if (!hasColumnstore(offer)) return 'not used: this edition or version has none';
  if (!isAtLeast(offer.version, DIRECT_COMPRESS_VERSION_MIN)) {
    return `not used: versions before ${DIRECT_COMPRESS_VERSION_MIN} lost rows`;
  }
  if (!offer.direct_compress) return 'not used: this server does not have it';
  if (!enabled.includes('samples_narrow')) return 'not used: run `millrace setup` once';
  return undefined;
}

/** Compares versions by their numbers: `2.31.0-dev` is at least `2.29.2`. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) =>
    text.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  const [ours, least] = [numbers(version), numbers(minimum)];
  for (const [i, number] of least.entries()) {
    const own = ours[i] ?? 0;
    if (own !== number) return own > number;
  }
  return true;
}
