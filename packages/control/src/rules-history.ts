import { readCompiledRules, type CompiledRules, type UnnumberedRule } from '@millrace/rules';
import {
  ControlRecordKind,
  type ControlArchiveRecord,
  type ControlRecord,
  type ControlRulesRecord,
  type FoldSettings,
} from '@millrace/wire';
import { controlBroken } from './control-errors.ts';

/** The rules, settings and fold version in force from one point of `metrics.control` on. */
export interface RulesVersion {
  /** Where its record is, see `ControlLogRecord.firstNumber`; barriers carry it. */
  number: number;
  /** Number of the version before; 0: none. */
  after: number;
  rules: CompiledRules;
  foldVersion: number;
  settings: FoldSettings;
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  appliedAtUs: number;
  /** What is folded beside the rules, the oldest first. */
  candidates: readonly Candidate[];
}

/** Rules whose editions are folded beside those in force, and not shown until they are promoted. */
export interface Candidate {
  /** Of the version that began it, or in which rules that were in force became it. Never another's. */
  number: number;
  rules: CompiledRules;
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  /** Jobs fold the past into it, see `ControlCandidate`. Infinity: they do not. */
  sinceUs: number;
}

/** How the jobs of a candidate are to go on. */
export interface JobsOrder {
  isPaused: boolean;
  /** Of each partition's job; 0: no bound. */
  samplesPerSecondMax: number;
}

/** The archive that a log is bound to. */
export interface BoundArchive {
  /** 16 bytes as hex; it lies in the archive, too. */
  archiveId: string;
  /** Its address when it was bound, for people. */
  where: string;
}

const AS_FAST_AS_IT_CAN: JobsOrder = { isPaused: false, samplesPerSecondMax: 0 };

/** What the records of `metrics.control` say, read in their order. */
export class RulesHistory {
  /** P, as it was when the log was made; undefined before its first record is read. */
  partitions: number | undefined;
  /** Of the record that the topic begins with. */
  logId: string | undefined;
  /** The next offset to read. */
  position = 0;
  /** Versions that lost a race against another one: they never were in force. */
  lost = 0;
  /** What the log is bound to; undefined: no archive was used, or a person said to forget it. */
  archive: BoundArchive | undefined;
  /** How many archives were forgotten. */
  archivesForgotten = 0;
  #firstNumber = 0;
  readonly #editions = new Map<number, UnnumberedRule>();
  readonly #versions: RulesVersion[] = [];
  /** By candidate. */
  readonly #jobs = new Map<number, JobsOrder>();
  /** By partition and log. */
  readonly #acknowledged = new Map<string, number>();

  /** Every version that ever was in force, the newest last. */
  get versions(): readonly RulesVersion[] {
    return this.#versions;
  }

  get newest(): RulesVersion | undefined {
    return this.#versions.at(-1);
  }

  /** Versions that follow the one with this number, in their order. */
  after(number: number): readonly RulesVersion[] {
    return this.#versions.filter((version) => version.number > number);
  }

  /** Samples of a partition of that log that a person knows to be lost. */
  acknowledged(partition: number, logId: string): number {
    return this.#acknowledged.get(`${partition} ${logId}`) ?? 0;
  }

  /** What was said last about a candidate's jobs. */
  jobsOrder(candidate: number): JobsOrder {
    return this.#jobs.get(candidate) ?? AS_FAST_AS_IT_CAN;
  }

  /** The rules that were a candidate with this number, as they were last; undefined: none ever. */
  candidate(number: number): Candidate | undefined {
    return this.#lastCandidate((one) => one.number === number);
  }

  /** The candidate that had exactly these editions, as it was last; undefined: none ever. */
  candidateOf(editions: readonly number[]): Candidate | undefined {
    return this.#lastCandidate(({ rules: { rules } }) => {
      return (
        rules.length === editions.length && rules.every((one, i) => one.edition === editions[i])
      );
    });
  }

  #lastCandidate(isWanted: (one: Candidate) => boolean): Candidate | undefined {
    const version = this.#versions.findLast(({ candidates }) => candidates.some(isWanted));
    return version?.candidates.find(isWanted);
  }

  /** The number of the edition or version whose record is there. */
  numberAt(offset: number): number {
    return this.#firstNumber + offset;
  }

  /** @throws MillraceError (permanent) CONTROL_BROKEN when the record cannot be there. */
  read(record: ControlRecord, offset: number): void {
    if (offset !== this.position) throw controlBroken(offset, `${this.position} was expected`);
    if (offset === 0 && record.kind !== ControlRecordKind.log) {
      throw controlBroken(offset, 'it does not begin a log');
    }
    this.position = offset + 1;
    switch (record.kind) {
      case ControlRecordKind.log:
        // Two who found it empty both wrote one: the first counts.
        if (this.partitions !== undefined) break;
        this.partitions = record.partitions;
        this.logId = record.logId;
        this.#firstNumber = record.firstNumber;
        break;
      case ControlRecordKind.edition:
        this.#editions.set(this.numberAt(offset), record.rule as UnnumberedRule);
        break;
      case ControlRecordKind.rules:
        this.#readVersion(record, offset);
        break;
      case ControlRecordKind.acknowledgement:
        for (const { partition, logId, samples } of record.losses) {
          const known = this.acknowledged(partition, logId);
          this.#acknowledged.set(`${partition} ${logId}`, Math.max(known, samples));
        }
        break;
      case ControlRecordKind.jobs: {
        const { candidate, isPaused, samplesPerSecondMax } = record;
        this.#jobs.set(candidate, { isPaused, samplesPerSecondMax });
        break;
      }
      case ControlRecordKind.archive:
        this.#readArchive(record);
        break;
    }
  }

  #readArchive({ archiveId, where }: ControlArchiveRecord): void {
    if (archiveId === undefined) {
      if (this.archive !== undefined) this.archivesForgotten += 1;
      this.archive = undefined;
    } else {
      // Two who bind at once: the first one counts.
      this.archive ??= { archiveId, where };
    }
  }

  #readVersion(record: ControlRulesRecord, offset: number): void {
    if (record.after !== (this.newest?.number ?? 0)) {
      this.lost += 1;
      return;
    }
    const { kind: _kind, editions, candidates = [], ...rest } = record;
    const number = this.numberAt(offset);
    for (const { samplesPerSecondMax } of candidates) {
      if (samplesPerSecondMax === undefined) continue;
      this.#jobs.set(number, { isPaused: false, samplesPerSecondMax });
    }
    this.#versions.push({
      ...{ number, ...rest },
      rules: this.#rulesOf(editions, offset),
      candidates: candidates.map((one) => ({
        // It cannot know its own number before it is there.
        number: one.number === 0 ? number : one.number,
        rules: this.#rulesOf(one.editions, offset),
        ...{ source: one.source, sinceUs: one.sinceUs },
      })),
    });
  }

  #rulesOf(editions: readonly number[], offset: number): CompiledRules {
    return readCompiledRules({
      version: 1,
      rules: editions.map((edition) => {
        const rule = this.#editions.get(edition);
        if (rule === undefined) throw controlBroken(offset, `edition ${edition} is not there`);
        return { ...rule, edition };
      }),
    });
  }
}
