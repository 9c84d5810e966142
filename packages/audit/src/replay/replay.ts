import { readHistory } from '@millrace/control';
import { MillraceError } from '@millrace/runtime';
import type { StoreRepairer } from '@millrace/store';
import type { Stream } from '@millrace/stream';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { auditInto } from '../audit.ts';
import type { AuditComponents } from '../audit-parts.ts';
import { AUDIT_DEFAULTS } from '../audit-settings.ts';
import { formatTimeUs, type AuditReport } from '../report.ts';
import { Differences, type DifferenceCounts, type ReplayedTable } from './differences.ts';

export interface ReplaySettings {
  /** Samples and windows with times in [sinceUs, untilUs); undefined: all there are. */
  sinceUs: number | undefined;
  untilUs: number | undefined;
  /** Undefined: all. */
  partition: number | undefined;
  /** Samples that are held in memory at once: more takes more rounds. */
  samplesMax: number;
  /** How long to wait for records that the store has and the log does not show yet. */
  logWaitMsMax: number;
}

export const REPLAY_DEFAULTS: ReplaySettings = {
  sinceUs: undefined,
  untilUs: undefined,
  partition: undefined,
  samplesMax: AUDIT_DEFAULTS.samplesMax / 2,
  logWaitMsMax: AUDIT_DEFAULTS.logWaitMsMax,
};

export interface ReplayComponents extends AuditComponents {
  /** Left out: it is a dry run. */
  repairer?: StoreRepairer;
}

export interface ReplayReport extends Pick<
  AuditReport,
  'started' | 'durationMs' | 'partitions' | 'notProven' | 'notes' | 'findings'
> {
  format: 1;
  /** `beside`: rows are what the log says, and something else is not, see `findings`. */
  outcome: 'same' | 'different' | 'repaired' | 'beside';
  since: string | undefined;
  until: string | undefined;
  /** What was found first. */
  tables: Record<ReplayedTable, DifferenceCounts & { rows: number }>;
  /** Rows put right, rows that had changed meanwhile, rows that the database refused. */
  repaired: number;
  passedOver: number;
  refused: number;
  /** Samples folded again, of all rounds, and how many a second. */
  samples: number;
  samplesPerSecond: number;
}

/** One to find, one to see that it is right; more where there was too much for one, or much moved. */
const ROUNDS_MAX = 6;

/**
 * Folds the log again from before the range, and compares what it puts out with what is stored, row
 * by row. With a repairer it makes the store what the log says, and looks again: it is done when
 * nothing differs any more.
 *
 * @throws MillraceError REPLAY_RANGE; REPLAY_LOG_SHORT: the store has more than the log, which then
 *   cannot say what is right;
 *   REPLAY_UNREPAIRED when something differs all the same; what `audit` throws.
 */
export async function replay(
  components: ReplayComponents,
  settings: ReplaySettings,
): Promise<ReplayReport> {
  const { repairer, clock, ...parts } = components;
  const { sinceUs, untilUs, ...rest } = settings;
  const range = { sinceUs: sinceUs ?? -Infinity, untilUs: untilUs ?? Infinity };
  if (range.sinceUs >= range.untilUs) throw emptyRange();
  const startedUs = clock.nowUs();
  const wanted = {
    ...{ ...AUDIT_DEFAULTS, ...rest, isDeep: true },
    // No sample with a time in the range came before partition time was so far.
    sinceUs: sinceUs === undefined ? undefined : sinceUs - (await skewOf(components.stream)),
  };
  const collect = (): Differences => new Differences(range);
  let first: ReplayReport['tables'] | undefined;
  const done = { repaired: 0, passedOver: 0, refused: 0 };
  let refusal: string | undefined;
  let samples = 0;
  let isVain = false;
  for (let round = 1; ; round += 1) {
    const { report, differences } = await auditInto({ ...parts, clock }, wanted, collect);
    const { total } = differences;
    samples += report.partitions.reduce((sum, one) => sum + one.samples, 0);
    first ??= tablesOf(report, differences);
    const isOver = total === 0 || repairer === undefined;
    if (isOver) {
      const outcome = outcomeOf(total, report.findings.length, done.repaired);
      const durationMs = Math.max(1, Math.round((clock.nowUs() - startedUs) / 1000));
      const { partitions, notProven, notes, findings } = report;
      return {
        ...{ format: 1, outcome, started: formatTimeUs(startedUs), durationMs },
        since: sinceUs === undefined ? undefined : formatTimeUs(sinceUs),
        until: untilUs === undefined ? undefined : formatTimeUs(untilUs),
        ...{ tables: first, ...done, partitions, notProven, notes, findings, samples },
        samplesPerSecond: Math.round((1000 * samples) / durationMs),
      };
    }
    // What the log lost would be taken from the store, which has it alone.
    const short = report.findings.find(({ kind }) => kind === 'log_short');
    if (short !== undefined) throw logShort(short.message);
    if (round === ROUNDS_MAX || isVain) throw unrepaired(total, done.repaired, refusal);
    const onProgress = (rows: number): void =>
      parts.onProgress?.({ phase: 'repair', round: 0, rounds: 1, done: rows, total });
    const result = await repairer.repair(differences, { onProgress, signal: parts.signal });
    done.repaired += result.repaired;
    done.passedOver += result.passedOver;
    done.refused += result.refused;
    refusal ??= result.refusal;
    // All that is left is refused again and again.
    isVain = result.repaired === 0 && result.passedOver === 0;
  }
}

/** How far ahead of its arrival a sample may ever have been. */
async function skewOf(stream: Stream): Promise<number> {
  const { versions } = await readHistory(stream);
  const skews = versions.map(({ settings }) => settings.futureSkewUs);
  return Math.max(DEFAULT_FOLD_SETTINGS.futureSkewUs, ...skews);
}

function outcomeOf(
  differences: number,
  findings: number,
  repaired: number,
): ReplayReport['outcome'] {
  if (differences > 0) return 'different';
  if (findings > 0) return 'beside';
  return repaired > 0 ? 'repaired' : 'same';
}

/** What an audit calls the rows of each table. */
const ROWS: Readonly<Record<ReplayedTable, string>> = {
  samples: 'samples',
  histograms: 'histograms',
  windows: 'pieces',
  series: 'definitions',
};

function tablesOf({ rows }: AuditReport, { counts }: Differences): ReplayReport['tables'] {
  const of = (table: ReplayedTable) => ({ rows: rows[ROWS[table]] ?? 0, ...counts[table] });
  return {
    samples: of('samples'),
    histograms: of('histograms'),
    windows: of('windows'),
    series: of('series'),
  };
}

function unrepaired(left: number, repaired: number, refusal: string | undefined): MillraceError {
  const why =
    refusal === undefined
      ? 'there are more than one call repairs, or somebody changes them all the time.'
      : `the database refused some of them: ${refusal}`;
  return new MillraceError({
    code: 'REPLAY_UNREPAIRED',
    kind: 'transient',
    message: `${left} rows are still not what the log says, although ${repaired} were repaired: ${why}`,
    remedy:
      refusal === undefined
        ? 'Run the same again; if it repairs nothing any more, report it as a bug.'
        : 'Look at the constraints and triggers of the table; all other rows were repaired.',
  });
}

function logShort(message: string): MillraceError {
  return new MillraceError({
    code: 'REPLAY_LOG_SHORT',
    kind: 'permanent',
    message: `${message} What it lost the store alone has: nothing was repaired.`,
    remedy:
      'Put the log back from where it was lost. "millrace audit" tells what is there, and ' +
      '"millrace setup --accept-new-log --plan" how to go on without what was lost.',
  });
}

function emptyRange(): MillraceError {
  return new MillraceError({
    code: 'REPLAY_RANGE',
    kind: 'permanent',
    message: 'The range ends before it begins. Nothing was read.',
    remedy: 'Give an --until that is later than --since.',
  });
}
