import type {
  StoredEdition,
  StoredEditionEnd,
  StoredEditions,
  StoredEditionStart,
} from '@millrace/store';
import type { Entries } from '@millrace/wire';
import type { PartitionPlan } from '../plan.ts';

/** Something about an edition that is not in the store as it was put out. */
export interface EditionFault {
  kind: 'entry_missing' | 'entry_differs' | 'entry_unexpected';
  partition: number | undefined;
  offset: number | undefined;
  what: string;
  expected: string | undefined;
  found: string | undefined;
}

interface Expected {
  partition: number;
  offset: number;
  what: string;
  text: string;
}

/** Editions, and where they begin and end in each partition. */
export class ExpectedEditions {
  readonly #expected = new Map<string, Expected>();
  #plan: PartitionPlan | undefined;
  rows = 0;

  begin(plan: PartitionPlan): void {
    this.#plan = plan;
  }

  take({ editions, editionEnds }: Entries, offset: number): void {
    const { partition, logId = '' } = this.#plan!;
    const at = { logId, partition };
    for (const one of editions) {
      const { edition, fromPosition, fromPartitionTimeUs, fromLargestTimeUs, partitions } = one;
      const started = { edition, fromPosition, fromPartitionTimeUs, fromLargestTimeUs, partitions };
      this.#expect(editionRow(one), offset);
      this.#expect(startRow({ ...at, ...started }), offset);
    }
    for (const end of editionEnds) this.#expect(endRow({ ...at, ...end }), offset);
  }

  #expect({ key, what, text }: Row, offset: number): void {
    // The store keeps what came first.
    if (this.#expected.has(key)) return;
    this.#expected.set(key, { partition: this.#plan!.partition, offset, what, text });
  }

  /** `fromOf`: the first position of a partition that is known; undefined: it was not folded. */
  compare(
    stored: StoredEditions,
    params: Readonly<{
      isWhole: boolean;
      fromOf: (at: Readonly<{ logId: string; partition: number }>) => number | undefined;
    }>,
  ): EditionFault[] {
    const { isWhole, fromOf } = params;
    const left = new Map(this.#expected);
    const faults: EditionFault[] = [];
    const hold = ({ key, what, text }: Row, partition: number | undefined, isKnown: boolean) => {
      this.rows += 1;
      const known = left.get(key);
      left.delete(key);
      if (known === undefined) {
        if (!isKnown) return;
        const nowhere = { offset: undefined, expected: undefined };
        faults.push({ kind: 'entry_unexpected', partition, what, found: text, ...nowhere });
      } else if (known.text !== text) {
        faults.push({ kind: 'entry_differs', ...known, expected: known.text, found: text });
      }
    };
    for (const one of stored.editions) hold(editionRow(one), undefined, isWhole);
    for (const one of stored.starts) {
      hold(startRow(one), one.partition, one.fromPosition >= (fromOf(one) ?? Infinity));
    }
    for (const one of stored.ends) {
      hold(endRow(one), one.partition, one.position >= (fromOf(one) ?? Infinity));
    }
    for (const known of left.values()) {
      const { text: expected } = known;
      faults.push({ kind: 'entry_missing', ...known, expected, found: undefined });
    }
    return faults;
  }
}

/** Names a row, says what it is, and holds all its columns. */
interface Row {
  key: string;
  what: string;
  text: string;
}

function editionRow(
  one: Omit<StoredEdition, 'candidate' | 'isDropped'> &
    Readonly<{ candidate?: number | undefined }>,
): Row {
  const { edition, rule, definition, widthsUs, aggregates, candidate } = one;
  const parsed = inOrder(JSON.parse(definition));
  const columns = { rule, definition: parsed, widthsUs, aggregates, candidate };
  const what = `edition ${edition} of rule ${rule}`;
  return { key: `e ${edition}`, what, text: JSON.stringify(columns) };
}

function startRow({ edition, logId, partition, ...columns }: StoredEditionStart): Row {
  const what = `the beginning of edition ${edition} in partition ${partition}`;
  return { key: `s ${edition} ${logId} ${partition}`, what, text: textOf(columns) };
}

function endRow({ edition, logId, partition, ...columns }: StoredEditionEnd): Row {
  const what = `the end of edition ${edition} in partition ${partition}`;
  return { key: `n ${edition} ${logId} ${partition}`, what, text: textOf(columns) };
}

function textOf(columns: object): string {
  return JSON.stringify(inOrder(columns));
}

/** The database orders the keys of objects in its own way. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, inOrder(one)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
