import type { TimeUs } from '@millrace/model';
import type { PartitionedTable, StoredRange } from './storage-layout.ts';
import { HOUR_US } from './time-spans.ts';

/** The tables cut by time, windows by how long they are kept: what rows of one have in common. */
export type BigTable = Exclude<PartitionedTable, 'windows'> | 'windows_narrow' | 'windows_wide';

/** Where rows belong, whatever the layout calls that; windows by their width. */
export function bigTableOf(table: PartitionedTable, widthUs: TimeUs | undefined): BigTable {
  if (table !== 'windows') return table;
  return widthUs !== undefined && widthUs < HOUR_US ? 'windows_narrow' : 'windows_wide';
}

/** How a table's ranges expire. */
export const EXPIRY_OF: Readonly<
  Record<BigTable, Pick<StoredRange, 'retention' | 'table' | 'timeColumn'>>
> = {
  samples_narrow: { retention: 'raw', table: 'samples', timeColumn: 'time' },
  samples_packed: { retention: 'raw', table: 'samples', timeColumn: 'bucket' },
  histograms: { retention: 'raw', table: 'histograms', timeColumn: 'time' },
  exemplars: { retention: 'raw', table: 'exemplars', timeColumn: 'time' },
  windows_narrow: { retention: 'narrow windows', table: 'windows_narrow', timeColumn: 'start' },
  windows_wide: { retention: 'wide windows', table: 'windows_wide', timeColumn: 'start' },
};
