import { readHistory } from '@millrace/control';
import { errorText, MillraceError } from '@millrace/runtime';
import type { CompletionRun, WindowName } from '@millrace/store';
import type { CompleteComponents } from './complete-components.ts';
import { CompletionTally, type CompleteReport } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';
import { completePage } from './complete-page.ts';

/**
 * Computes marked windows again, from all samples that the log holds, and shows them in place of
 * what live folding made of them. It may be killed between any two steps and run again; whatever
 * comes to a window afterwards marks it anew.
 *
 * @throws MillraceError COMPLETE_UNDER_WAY (transient) while another run is.
 */
export async function completeMarked(
  components: CompleteComponents,
  settings: CompleteSettings,
): Promise<CompleteReport> {
  const { store, clock, isScheduled = false } = components;
  const startedUs = clock.nowUs();
  const run = await store.begin({ isScheduled });
  if (run === undefined) throw underWay();
  const tally = new CompletionTally();
  let problem: string | undefined;
  try {
    await completeAll(components, settings, { run, tally });
  } catch (error) {
    problem = errorText(error);
    throw error;
  } finally {
    // What broke is worth telling, and not that this could not be noted either.
    const noted = run.end(tally.counts, problem);
    await (problem === undefined ? noted : noted.catch(() => undefined));
  }
  return {
    format: 1,
    run: run.run,
    started: new Date(Math.floor(startedUs / 1000)).toISOString(),
    durationMs: Math.max(1, Math.round((clock.nowUs() - startedUs) / 1000)),
    ...tally.counts,
    records: tally.records,
    reasons: tally.reasons(),
  };
}

async function completeAll(
  components: CompleteComponents,
  settings: CompleteSettings,
  { run, tally }: Readonly<{ run: CompletionRun; tally: CompletionTally }>,
): Promise<void> {
  const { stream, signal, isScheduled = false } = components;
  const { windowsMax, rules, tenant, isAgain, sinceUs = -Infinity, untilUs = Infinity } = settings;
  let after: WindowName | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const scope = {
      fromUs: sinceUs,
      untilUs,
      rules,
      tenant,
      after,
      windowsMax,
      isAgain,
      isOnlyNew: isScheduled,
    };
    const page = await run.marked(scope);
    // Of later than what the store has: so it knows all editions that are there.
    const history = await readHistory(stream, signal);
    await completePage({ ...components, settings, history, run, tally }, page);
    if (page.windows.length < windowsMax) return;
    after = page.windows.at(-1);
  }
}

function underWay(): MillraceError {
  return new MillraceError({
    code: 'COMPLETE_UNDER_WAY',
    kind: 'transient',
    message: 'Marked windows are being completed already. Nothing was changed by this one.',
    remedy: 'Wait until it is through ("millrace status" tells), and say it again.',
  });
}
