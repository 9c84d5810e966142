import type { StoredDefinition } from '@millrace/store';
import type { DefinitionEntry, Entries } from '@millrace/wire';
import { RowList } from '../rows/compare-rows.ts';
import { DigestTable } from './digest-table.ts';
import type { SliceOf } from './expected-samples.ts';
import { WordDigest } from './word-digest.ts';

/** Series definitions, as all partitions together put them out. */
export class ExpectedDefinitions {
  readonly #table = new DigestTable();
  readonly #digest = new WordDigest();
  readonly #of: SliceOf;
  /** What was seen by then may be from before what was folded. */
  readonly #knownFromUs: number;
  #firstSeenUs: Float64Array = new Float64Array(1024);
  #lastSeenUs: Float64Array = new Float64Array(1024);
  /** The last kind that the newest partition put out, and those of the partitions before. */
  #kind: Uint8Array = new Uint8Array(1024);
  #kindsBefore: Uint8Array = new Uint8Array(1024);
  #partition = 0;
  rows = 0;
  readonly different: RowList<{ slot: number; row: StoredDefinition; what: string }> =
    new RowList();
  readonly unexpected: RowList<StoredDefinition> = new RowList();

  /** `knownFromUs`: series that were first seen later are known; -Infinity: all are. */
  constructor(of: SliceOf, knownFromUs: number) {
    this.#of = of;
    this.#knownFromUs = knownFromUs;
  }

  get table(): DigestTable {
    return this.#table;
  }

  begin(partition: number): void {
    this.#partition = partition;
  }

  take({ definitions }: Entries, offset: number): void {
    for (const one of definitions) this.#expect(one, offset);
  }

  #expect(one: DefinitionEntry, offset: number): void {
    const { slices, slice } = this.#of;
    const id = Buffer.from(one.fingerprint);
    if (slices > 1 && id.readUInt32BE(4) % slices !== slice) return;
    const table = this.#table;
    const before = table.size;
    const slot = table.slotOf(id.readUInt32BE(0), id.readUInt32BE(4));
    if (slot === before) {
      this.#reserve(slot);
      table.set(slot, this.#digestOf(one));
      table.partitions[slot] = this.#partition;
      table.offsets[slot] = offset;
      this.#firstSeenUs[slot] = one.seenUs;
      this.#lastSeenUs[slot] = one.seenUs;
    }
    if (table.partitions[slot] !== this.#partition) {
      this.#kindsBefore[slot]! |= 1 << this.#kind[slot]!;
      table.partitions[slot] = this.#partition;
    }
    this.#kind[slot] = one.kind;
    this.#firstSeenUs[slot] = Math.min(this.#firstSeenUs[slot]!, one.seenUs);
    this.#lastSeenUs[slot] = Math.max(this.#lastSeenUs[slot]!, one.seenUs);
  }

  compare(row: StoredDefinition): void {
    this.rows += 1;
    const id = Buffer.from(row.fingerprint);
    const slot = this.#table.find(id.readUInt32BE(0), id.readUInt32BE(4));
    // It may have been defined before, as of another kind and in another partition, too.
    const isWhole = this.#knownFromUs < row.firstSeenUs;
    if (slot < 0) {
      if (isWhole) this.unexpected.add(row);
      return;
    }
    this.#table.seen[slot] = 1;
    const kinds = this.#kindsBefore[slot]! | (1 << this.#kind[slot]!);
    const [firstUs, lastUs] = [this.#firstSeenUs[slot]!, this.#lastSeenUs[slot]!];
    const isFirst = isWhole ? row.firstSeenUs === firstUs : row.firstSeenUs <= firstUs;
    const isLast = isWhole ? row.lastSeenUs === lastUs : row.lastSeenUs >= lastUs;
    const different = [
      ...(this.#table.has(slot, this.#digestOf(row)) ? [] : ['its fingerprint, tenant or labels']),
      ...(isWhole && (kinds & (1 << row.kind)) === 0 ? ['its kind'] : []),
      ...(isFirst ? [] : ['when it was seen first']),
      ...(isLast ? [] : ['when it was seen last']),
    ];
    if (different.length > 0) this.different.add({ slot, row, what: different.join(', ') });
  }

  /** What its row must be, of which `entry` tells the labels and `found` what there was before. */
  mended(
    slot: number,
    entry: DefinitionEntry,
    found: StoredDefinition | undefined,
  ): StoredDefinition {
    const { fingerprint, tenant, labels } = entry;
    const [firstUs, lastUs] = [this.#firstSeenUs[slot]!, this.#lastSeenUs[slot]!];
    const isOlder = found !== undefined && found.firstSeenUs <= this.#knownFromUs;
    return {
      ...{ fingerprint, tenant, labels, kind: this.#kind[slot]! },
      firstSeenUs: isOlder ? Math.min(found.firstSeenUs, firstUs) : firstUs,
      lastSeenUs: isOlder ? Math.max(found.lastSeenUs, lastUs) : lastUs,
    };
  }

  missing(): RowList<number> {
    const missing = new RowList<number>();
    const { seen, size } = this.#table;
    for (let slot = 0; slot < size; slot += 1) if (seen[slot] === 0) missing.add(slot);
    return missing;
  }

  #digestOf({ fingerprint, tenant, labels }: Omit<DefinitionEntry, 'seenUs'>): {
    high: number;
    low: number;
  } {
    const digest = this.#digest.begin().bytes(fingerprint).text(tenant);
    for (const [name, value] of labels) digest.text(name).text(value);
    return digest.end();
  }

  #reserve(slot: number): void {
    if (slot < this.#kind.length) return;
    const room = 2 * this.#kind.length;
    const grow = <T extends Uint8Array | Float64Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.#firstSeenUs = grow(new Float64Array(room), this.#firstSeenUs);
    this.#lastSeenUs = grow(new Float64Array(room), this.#lastSeenUs);
    this.#kind = grow(new Uint8Array(room), this.#kind);
    this.#kindsBefore = grow(new Uint8Array(room), this.#kindsBefore);
  }
}
