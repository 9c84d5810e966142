import type { RulesHistory } from '@millrace/control';
import type { StoredEditions } from '@millrace/store';
import type { EditionRules } from './wanted-windows.ts';

/** The rules of editions, as they were folded last; those that the log's history does not know lack. */
export function editionRules(
  { versions }: RulesHistory,
  editions: ReadonlySet<number>,
): Map<number, EditionRules> {
  const found = new Map<number, EditionRules>();
  for (const { rules, candidates } of versions) {
    for (const set of [rules, ...candidates.map((one) => one.rules)]) {
      for (const { edition } of set.rules) {
        if (editions.has(edition)) found.set(edition, { edition, rules: set });
      }
    }
  }
  return found;
}

/** From which start on windows of a width of an edition had all samples from the first one on. */
export function wholeFrom(stored: StoredEditions, edition: number, widthUs: number): number {
  const known = stored.editions.find((one) => one.edition === edition);
  const ended = stored.jobEnds.filter(({ editions }) =>
    editions.some((one) => one.edition === edition),
  );
  const partitions = new Set(ended.map(({ partition }) => partition));
  const [job] = ended;
  if (job !== undefined && partitions.size >= job.partitions) {
    const at = known?.widthsUs.indexOf(widthUs) ?? -1;
    const past = ended.map(({ editions }) => {
      return editions.find((one) => one.edition === edition)!.fromUs[at] ?? Infinity;
    });
    return Math.max(...past);
  }
  const starts = stored.starts.filter((one) => one.edition === edition);
  const reached = starts.map((one) => Math.max(one.fromPartitionTimeUs, one.fromLargestTimeUs));
  // A sample at that very time may have come before.
  return Math.max(-Infinity, ...reached) + 1;
}
