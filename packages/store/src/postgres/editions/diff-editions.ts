import { editionUnknown } from '../../edition-errors.ts';
import type { DiffChange, DiffCounts, DiffParams, EditionDiff } from '../../edition-store.ts';
import { boundParameter } from '../connection/array-parameters.ts';
import { readEditionFacts } from './edition-facts.ts';
import { readSizes, sizeOf } from './list-editions.ts';
import type { Session } from '../connection/session.ts';

/** See `EditionStore.diff`; in a transaction that sees one moment. */
export async function diffEditions(session: Session, params: DiffParams): Promise<EditionDiff> {
  const { before, after, changesMax } = params;
  const facts = await readEditionFacts(session);
  const unknown = [before, after].filter((one) => !facts.some(({ edition }) => edition === one));
  if (unknown.length > 0) throw editionUnknown(unknown);
  const range = [boundParameter(params.fromUs), boundParameter(params.untilUs)];
  const { rows } = await session.run<CountRow>('compare-editions', [before, after, ...range]);
  const count = (what: CountRow['what'], change: string): number =>
    rows.find((row) => row.what === what && row.change === change)?.count ?? 0;
  const countsOf = (what: CountRow['what']): DiffCounts => ({
    added: count(what, 'added'),
    removed: count(what, 'removed'),
    changed: count(what, 'changed'),
    equal: count(what, 'equal'),
  });
  const hasChanges = changesMax > 0 && count('windows', 'changed') > 0;
  const sizes = await readSizes(session, [before, after], params);
  return {
    windows: countsOf('windows'),
    series: countsOf('series'),
    changes: hasChanges ? await largestChanges(session, [before, after, ...range, changesMax]) : [],
    leftOut: { incomplete: count('windows', 'incomplete'), partial: count('windows', 'partial') },
    before: sizeOf(sizes, before),
    after: sizeOf(sizes, after),
  };
}

interface CountRow {
  what: 'windows' | 'series';
  change: string;
  count: number;
}

interface ChangeRow {
  tenant: string | null;
  metric: string | null;
  labels: Record<string, string> | null;
  width_us: number;
  start_us: number;
  column_name: string;
  number_before: number | null;
  number_after: number | null;
  relative: number;
}

async function largestChanges(
  session: Session,
  parameters: readonly unknown[],
): Promise<DiffChange[]> {
  const { rows } = await session.run<ChangeRow>('largest-changes', parameters);
  return rows.map((row) => ({
    // A series whose definition was refused has none.
    ...{ tenant: row.tenant ?? '', metric: row.metric ?? '', labels: row.labels ?? {} },
    ...{ widthUs: row.width_us, startUs: row.start_us, column: row.column_name },
    before: row.number_before ?? undefined,
    after: row.number_after ?? undefined,
    relative: row.relative,
  }));
}
