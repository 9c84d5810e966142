import { fingerprintOf, METRIC_NAME_LABEL, partitionOf } from '@millrace/model';
import type { StoredMetadata } from '@millrace/store';
import type { Entries } from '@millrace/wire';
import { RowList } from '../rows/compare-rows.ts';

export interface ExpectedRow {
  partition: number;
  /** Undefined: it was put out before the fold began. */
  offset: number | undefined;
  row: StoredMetadata;
}

/** Type, unit and help of metrics, as they were put out last: a metric is in one partition. */
export class ExpectedMetadata {
  readonly #expected = new Map<string, ExpectedRow & { isFound: boolean }>();
  #partition = 0;
  rows = 0;
  readonly different: RowList<{ expected: ExpectedRow; row: StoredMetadata }> = new RowList();
  readonly unexpected: RowList<StoredMetadata & { partition: number }> = new RowList();

  /** `known`: what was put out before the fold of the partition begins. */
  begin(partition: number, known: Iterable<StoredMetadata>): void {
    this.#partition = partition;
    for (const row of known) this.#expect(row, undefined);
  }

  take({ metadata }: Entries, offset: number): void {
    for (const row of metadata) this.#expect(row, offset);
  }

  #expect(row: StoredMetadata, offset: number | undefined): void {
    const partition = this.#partition;
    this.#expected.set(keyOf(row), { partition, offset, row, isFound: false });
  }

  /** `isWhole`: whether all that was ever put out in a partition is known. */
  compare(row: StoredMetadata, partitions: number, isWhole: (partition: number) => boolean): void {
    this.rows += 1;
    const known = this.#expected.get(keyOf(row));
    if (known === undefined) {
      const { tenant, metric } = row;
      const fingerprint = fingerprintOf(tenant, [[METRIC_NAME_LABEL, metric]]);
      const partition = partitionOf(fingerprint, 0, partitions);
      if (isWhole(partition)) this.unexpected.add({ ...row, partition });
      return;
    }
    known.isFound = true;
    const { type, unit, help } = known.row;
    if (row.type === type && row.unit === unit && row.help === help) return;
    this.different.add({ expected: known, row });
  }

  missing(): RowList<ExpectedRow> {
    const missing = new RowList<ExpectedRow>();
    for (const one of this.#expected.values()) if (!one.isFound) missing.add(one);
    return missing;
  }
}

function keyOf({ tenant, metric }: StoredMetadata): string {
  return `${tenant}\0${metric}`;
}
