import { compareAddress, type Address } from '@millrace/model';
import {
  decodeSeriesRecord,
  emptyEntries,
  EntryType,
  listEntries,
  type AddressedEntry,
  type Entries,
} from '@millrace/wire';

/** What of a record lies below a mark: of the one at it the store may have applied a part. */
export function entriesBelow(payload: Uint8Array, mark: Address): Entries {
  const { to, entries } = decodeSeriesRecord(payload);
  if (compareAddress(to, mark) <= 0) return entries;
  const below = listEntries(payload).filter(({ address }) => compareAddress(address, mark) < 0);
  const counts = new Map<EntryType, number>();
  for (const { type } of below) counts.set(type, (counts.get(type) ?? 0) + 1);
  return firstOf(entries, below, counts);
}

/** Within each type, entries are in the order of their addresses. */
function firstOf(
  entries: Entries,
  below: readonly AddressedEntry[],
  counts: ReadonlyMap<EntryType, number>,
): Entries {
  if (below.length === 0) return emptyEntries();
  const count = (type: EntryType): number => counts.get(type) ?? 0;
  return {
    samples: { ...entries.samples, count: count(EntryType.sample) },
    histograms: entries.histograms.slice(0, count(EntryType.histogram)),
    definitions: entries.definitions.slice(0, count(EntryType.definition)),
    open: entries.open.slice(0, count(EntryType.open)),
    finals: entries.finals.slice(0, count(EntryType.final)),
    unverified: entries.unverified.slice(0, count(EntryType.unverified)),
    deadLetters: entries.deadLetters.slice(0, count(EntryType.deadLetter)),
    ledger: entries.ledger.slice(0, count(EntryType.ledger)),
    exemplars: entries.exemplars.slice(0, count(EntryType.exemplar)),
    metadata: entries.metadata.slice(0, count(EntryType.metadata)),
    editions: entries.editions.slice(0, count(EntryType.edition)),
    editionEnds: entries.editionEnds.slice(0, count(EntryType.editionEnd)),
    jobEnds: entries.jobEnds.slice(0, count(EntryType.jobEnd)),
  };
}
