import type { CompleteWindow, FailedWindow, MarkedWindows } from '@millrace/store';
import type { Reason } from './complete-report.ts';
import { computeWindows, nameOf, type Outcomes } from './compute-windows.ts';
import type { PageParts } from './partition-task.ts';

interface Failed extends FailedWindow {
  reason: Reason;
  isMarked: boolean;
}

/** Completes the windows that were found in one look at the store. */
export async function completePage(parts: PageParts, page: MarkedWindows): Promise<void> {
  const { tally, run } = parts;
  tally.marked += page.windows.length;
  if (page.windows.length === 0) return;
  const outcomes = await computeWindows(parts, page.windows);
  const names = page.windows.map(nameOf);
  const completed: CompleteWindow[] = [];
  const failed: Failed[] = [];
  for (const [i, name] of names.entries()) {
    // Its pieces are gone since: nothing shows it any more.
    const { window, whole, why } = outcomes.get(name) ?? {
      window: page.windows[i]!,
      why: undefined,
    };
    if (why === 'not_over') tally.notOver += 1;
    else if (why !== undefined) failed.push({ ...window, reason: why });
    else if (whole?.marked === true) failed.push({ ...window, reason: 'bounded' });
    if (whole !== undefined) completed.push(whole);
  }
  // The later ones first: broken off in between, whatever is not what it should be is marked.
  const rows = withFollowers(outcomes, names).sort((a, b) => b.startUs - a.startUs);
  await run.replace(rows);
  // What was computed again before keeps its row.
  await run.fail(failed.filter(({ isMarked }) => isMarked));
  for (const { reason } of failed) tally.fail(reason);
  tally.completed += completed.filter(({ marked }) => !marked).length;
  parts.onProgress?.({ ...tally.counts, records: tally.records });
}

/** Rows of windows that are to be changed, and of all that have to change with them. */
function withFollowers(outcomes: Outcomes, names: readonly string[]): CompleteWindow[] {
  const taken = new Map<string, CompleteWindow>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const outcome = outcomes.get(name);
    if (outcome?.whole === undefined || taken.has(name)) continue;
    taken.set(name, outcome.whole);
    waiting.push(...outcome.followers);
  }
  return [...taken.values()];
}
