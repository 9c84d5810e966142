import { silentLog } from '@millrace/runtime';
import type { ListedEdition } from '@millrace/store';
import type { CliContext } from '../cli-context.ts';
import { formatTimeUs } from '../quantities.ts';
import { storeConnection } from '../store-connection.ts';

/** A rule that shows some windows as an edition made them that takes no samples any more. */
export interface ShownRule {
  rule: string;
  /** Windows from then on show what arrives now. */
  fromUs: number;
}

/**
 * The rules of which windows at or behind a time are not shown from an edition that is folded:
 * old samples come to that one, and so not to what is shown of before it.
 */
export function rulesShownFrom(
  editions: readonly ListedEdition[],
  earliestUs: number,
): ShownRule[] {
  const from = new Map<string, number>();
  for (const { rule, served, ended, isDropped } of editions) {
    if (ended > 0 || isDropped || served.length === 0) continue;
    const firstUs = Math.min(...served.map(({ fromUs }) => fromUs));
    from.set(rule, Math.min(from.get(rule) ?? Infinity, firstUs));
  }
  return [...from]
    .filter(([, fromUs]) => fromUs > earliestUs)
    .map(([rule, fromUs]) => ({ rule, fromUs }));
}

/** Says so for each of them, with what can be done. */
export async function shownRulesLines(
  context: CliContext,
  dataDir: string | undefined,
  earliestUs: number,
): Promise<string[]> {
  const connection = await storeConnection(context, dataDir);
  const { createPostgresEditionStore } = await import('@millrace/store/postgres');
  const store = createPostgresEditionStore({ connection, log: silentLog });
  try {
    const { editions } = await store.list();
    return rulesShownFrom(editions, earliestUs).map(({ rule, fromUs }) => {
      return (
        `Windows of rule ${rule} before ${formatTimeUs(fromUs)} are shown as an earlier version ` +
        'made them, or not at all: these samples will be in edition_windows, and not in ' +
        `series_windows. "${context.program} reprocess --rules FILE --since TIME" can change that.`
      );
    });
  } finally {
    await store.close();
  }
}
