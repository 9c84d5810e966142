import { errorText, MillraceError, type Clock, type Log, type Meter } from '@millrace/runtime';
import type { CompleteSection } from '@millrace/store';
import type { CompleteReport } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';

export interface ScheduleComponents {
  clock: Clock;
  log: Log;
  meter: Meter;
  /** Completes what is marked of a range; rejects when the signal aborts. */
  complete: (
    wanted: Pick<CompleteSettings, 'sinceUs'>,
    signal: AbortSignal,
  ) => Promise<CompleteReport>;
}

/** Completes marked windows when that is due, until it is stopped. */
export interface CompletionSchedule {
  run(signal: AbortSignal): Promise<void>;
}

/** A process that has just started has other things to do. */
const FIRST_MS_MAX = 60_000;

export function createCompletionSchedule(
  components: ScheduleComponents,
  { intervalMs, reachMs }: CompleteSection,
): CompletionSchedule {
  const { clock, complete } = components;
  const events = createEvents(components);
  const once = async (signal: AbortSignal): Promise<void> => {
    try {
      const sinceUs = clock.nowUs() - reachMs * 1000;
      events.completed(await complete({ sinceUs }, signal));
    } catch (error) {
      if (!signal.aborted) events.failed(error);
    }
  };
  return {
    run: async (signal) => {
      if (intervalMs === 0) return;
      let waitMs = Math.min(FIRST_MS_MAX, intervalMs);
      while (!signal.aborted) {
        await clock.sleep(waitMs, signal).catch(() => undefined);
        if (!signal.aborted) await once(signal);
        waitMs = intervalMs;
      }
    },
  };
}

interface ScheduleEvents {
  completed(report: CompleteReport): void;
  failed(error: unknown): void;
}

function createEvents({ log, meter }: ScheduleComponents): ScheduleEvents {
  const runs = meter.counter({
    name: 'millrace_complete_runs_total',
    help: 'How often marked windows were looked for, and whether that was finished.',
    labels: ['outcome'],
  });
  const windows = meter.counter({
    name: 'millrace_complete_windows_total',
    help: 'Marked windows that were looked at, by what became of them.',
    labels: ['outcome'],
  });
  const seconds = meter.gauge({
    name: 'millrace_complete_last_run_seconds',
    help: 'How long the last look for marked windows took, with all that was computed again.',
  });
  return {
    completed: ({ marked, completed, notOver, notCompletable, records, durationMs }) => {
      runs.add(1, { outcome: 'finished' });
      windows.add(completed, { outcome: 'completed' });
      windows.add(notOver, { outcome: 'not_over' });
      windows.add(notCompletable, { outcome: 'not_completable' });
      seconds.set(durationMs / 1000);
      const fields = { marked, completed, notOver, notCompletable, records, durationMs };
      if (completed + notCompletable === 0) log.debug(fields, 'No marked window was to complete.');
      else log.info(fields, 'Marked windows were computed again.');
    },
    failed: (error) => {
      const isElsewhere = error instanceof MillraceError && error.code === 'COMPLETE_UNDER_WAY';
      runs.add(1, { outcome: isElsewhere ? 'elsewhere' : 'failed' });
      if (isElsewhere) log.debug({}, 'Somebody else completes marked windows.');
      else {
        const fields = { error: errorText(error) };
        log.warn(fields, 'Marked windows stay as they are until they are looked for again.');
      }
    },
  };
}
