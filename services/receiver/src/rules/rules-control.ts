import {
  acknowledgeLosses,
  applyRules,
  beginCandidate,
  checkFoldVersion,
  checkRulesSize,
  completeChange,
  dropCandidate,
  HistoryReader,
  notBegun,
  orderJobs,
  planRules,
  promoteCandidate,
  type AppliedRules,
  type ChangedCandidates,
  type ChangingParts,
  type JobsOrder,
  type RulesChange,
  type RulesHistory,
  type RulesPlan,
  type RulesVersion,
} from '@millrace/control';
import { MillraceError, type Clock } from '@millrace/runtime';
import type { Stream } from '@millrace/stream';
import type { PartitionLoss } from '@millrace/wire';
import { Deadlines } from '../intake/deadlines.ts';
import type { ReceiverEvents } from '../events.ts';

/** The rules of the log with what came before them. */
export interface KnownRules {
  history: RulesHistory;
  /** The newest version: what is in force. */
  inForce: RulesVersion;
}

/** What applying rules would change. */
export interface PlannedRules {
  plan: RulesPlan;
  /** What is in force now, and stays it. */
  version: RulesVersion;
}

interface Parts {
  stream: Stream;
  clock: Clock;
  events: Pick<ReceiverEvents, 'rulesApplied' | 'rulesNotApplied' | 'candidateChanged'>;
  /** How long the log may take for whatever a person asks of it. */
  deadlines: Deadlines;
}

/** Reads and changes the rules of the log, for people who ask through HTTP. */
export class RulesControl {
  readonly #parts: Parts;
  /** Two, so that what waits for the one that reads for a person never holds up a change. */
  readonly #asked: HistoryReader;
  readonly #changed: HistoryReader;
  #reading: Promise<RulesHistory> | undefined;
  #readingNext: Promise<RulesHistory> | undefined;
  #applying: Promise<unknown> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#asked = new HistoryReader(parts.stream);
    this.#changed = new HistoryReader(parts.stream);
  }

  /** @throws MillraceError CONTROL_… , RULES_LOG_SLOW, what the log throws. */
  async read(): Promise<KnownRules> {
    const history = await this.#history();
    const { newest: inForce } = history;
    if (inForce === undefined) throw notBegun();
    return { history, inForce };
  }

  /** Changes nothing. @throws MillraceError RULES_TOO_BIG, RULES_FOLD_VERSION, and as `read`. */
  async plan(change: RulesChange): Promise<PlannedRules> {
    const { inForce: version } = await this.read();
    const wanted = completeChange(change, version);
    const plan = planRules(version, wanted);
    if (!plan.isChanged) return { plan, version };
    checkFoldVersion(wanted);
    checkRulesSize(wanted, this.#parts.stream.partitions);
    return { plan, version };
  }

  /**
   * Brings rules into force, one change at a time: whoever comes second has not seen what the
   * first one changes, and would replace it unawares.
   *
   * @throws MillraceError RULES_BUSY, RULES_OUTRUN, RULES_BARRIERS_MISSING, RULES_TOO_BIG,
   *   RULES_LOG_SLOW, CONTROL_…, what the log throws.
   */
  async apply(change: RulesChange): Promise<AppliedRules> {
    const { events } = this.#parts;
    return await this.#alone(async (parts) => {
      const applied = await applyRules(parts, change);
      events.rulesApplied(applied);
      return applied;
    });
  }

  /** Folds rules beside those in force. @throws MillraceError CANDIDATES_FULL, REPROCESS_SINCE; and as `apply`. */
  async begin(wanted: Parameters<typeof beginCandidate>[1]): Promise<ChangedCandidates> {
    return await this.#changeCandidate('begun', (parts) => beginCandidate(parts, wanted));
  }

  /** Changes places with the rules in force. @throws MillraceError CANDIDATE_UNKNOWN; and as `apply`. */
  async promote(number: number): Promise<ChangedCandidates> {
    return await this.#changeCandidate('promoted', (parts) => promoteCandidate(parts, number));
  }

  /** @throws MillraceError CANDIDATE_UNKNOWN, CANDIDATE_IN_FORCE; and as `apply`. */
  async drop(number: number): Promise<ChangedCandidates> {
    return await this.#changeCandidate('dropped', (parts) => dropCandidate(parts, number));
  }

  /** Says how a candidate's jobs are to go on. @throws MillraceError CANDIDATE_UNKNOWN; and as `read`. */
  async order(number: number, change: Partial<JobsOrder>): Promise<JobsOrder> {
    const { stream, clock, deadlines } = this.#parts;
    const doing = orderJobs({ stream, clock }, number, change);
    return await deadlines.within(doing, () => logSlow('change', deadlines.ms));
  }

  /**
   * Notes for good that a person knows of these losses of the log.
   *
   * @throws MillraceError as `read`.
   */
  async acknowledge(losses: readonly PartitionLoss[], note: string): Promise<void> {
    const { stream, clock, deadlines } = this.#parts;
    const doing = acknowledgeLosses({ stream, clock }, losses, note);
    await deadlines.within(doing, () => acknowledgeSlow(deadlines.ms));
  }

  /** Waits for a change that is under way, so that its barriers are not cut off. */
  async stop(ms: number): Promise<void> {
    const { clock } = this.#parts;
    const doing = this.#applying;
    if (doing === undefined) return;
    // However it ends: that was told, and the next apply completes what is missing.
    const patience = new Deadlines({ clock, ms });
    await patience.within(doing, () => logSlow('change', ms)).catch(() => undefined);
    patience.stop();
  }

  async #changeCandidate(
    what: 'begun' | 'promoted' | 'dropped',
    doing: (parts: ChangingParts) => Promise<ChangedCandidates>,
  ): Promise<ChangedCandidates> {
    const { events } = this.#parts;
    return await this.#alone(async (parts) => {
      const changed = await doing(parts);
      events.candidateChanged({ what, version: changed.version.number });
      return changed;
    });
  }

  /** One change at a time. It goes on, and is told, also when nobody waits any more. */
  async #alone<T>(change: (parts: ChangingParts) => Promise<T>): Promise<T> {
    if (this.#applying !== undefined) throw busy();
    const { deadlines, events } = this.#parts;
    const changeAndTell = async (): Promise<T> => {
      try {
        return await change({ ...this.#parts, history: this.#changed });
      } catch (error) {
        events.rulesNotApplied({ error });
        throw error;
      } finally {
        this.#applying = undefined;
      }
    };
    const doing = changeAndTell();
    this.#applying = doing;
    return await deadlines.within(doing, () => logSlow('change', deadlines.ms));
  }

  /** However many ask at once, one reads, and one more for those who came while it did. */
  #history(): Promise<RulesHistory> {
    if (this.#reading === undefined) return this.#beginReading();
    const begin = (): Promise<RulesHistory> => this.#beginReading();
    this.#readingNext ??= this.#reading.then(begin, begin);
    return this.#readingNext;
  }

  #beginReading(): Promise<RulesHistory> {
    this.#readingNext = undefined;
    const { deadlines } = this.#parts;
    const late = new AbortController();
    const reading = deadlines.within(this.#asked.read(late.signal), () => {
      const error = logSlow('read', deadlines.ms);
      late.abort(error);
      return error;
    });
    this.#reading = reading;
    const end = (): void => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    reading.then(end, end);
    return reading;
  }
}

function busy(): MillraceError {
  return new MillraceError({
    code: 'RULES_BUSY',
    kind: 'transient',
    message: 'Other rules are being applied here at this moment. Yours were not applied.',
    remedy: 'Say it again; "millrace rules diff" tells what has changed meanwhile.',
  });
}

function acknowledgeSlow(ms: number): MillraceError {
  return new MillraceError({
    code: 'ACKNOWLEDGE_LOG_SLOW',
    kind: 'transient',
    message: `The log did not take within ${ms} ms that its losses are known. No count changes by it.`,
    remedy: 'Do the same again; if it lasts, look at the disk (or the brokers) of the log.',
  });
}

function logSlow(what: 'read' | 'change', ms: number): MillraceError {
  const outcome =
    what === 'read'
      ? 'They are what they were.'
      : 'Whether they are in force is not known yet; nothing is lost or counted twice meanwhile.';
  return new MillraceError({
    code: 'RULES_LOG_SLOW',
    kind: 'transient',
    message: `The log did not ${what === 'read' ? 'tell' : 'take'} the rules within ${ms} ms. ${outcome}`,
    remedy:
      what === 'read'
        ? 'Ask again; if it lasts, look at the disk (or the brokers) of the log.'
        : 'Apply the same rules again: it only completes what is missing.',
  });
}
