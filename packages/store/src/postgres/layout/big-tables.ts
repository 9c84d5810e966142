import type { TimeUs } from '@millrace/model';
import { windowsTableOf } from '../../retention/stored-expiry.ts';
import type { PartitionedTable, StoredRange } from './storage-layout.ts';

/** The tables cut by time, windows by how long they are kept: what rows of one have in common. */
export type BigTable = Exclude<PartitionedTable, 'windows'> | 'windows_narrow' | 'windows_wide';

/** Where rows belong, whatever the layout calls that; windows by their width. */
export function bigTableOf(table: PartitionedTable, widthUs: TimeUs | undefined): BigTable {
  if (table !== 'windows') return table;
  return widthUs === undefined ? 'windows_wide' : windowsTableOf(widthUs);
}

/** How a table's ranges expire. */
export const EXPIRY_OF: Readonly<Record<BigTable, Pick<StoredRange, 'table' | 'timeColumn'>>> = {
  samples_narrow: { table: 'samples', timeColumn: 'time' },
  samples_packed: { table: 'samples', timeColumn: 'bucket' },
  histograms: { table: 'histograms', timeColumn: 'time' },
  exemplars: { table: 'exemplars', timeColumn: 'time' },
  windows_narrow: { table: 'windows_narrow', timeColumn: 'start' },
  windows_wide: { table: 'windows_wide', timeColumn: 'start' },
};
