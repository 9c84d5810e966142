import {
  CANDIDATES_MAX,
  isInForce,
  type Candidate,
  type ChangedCandidates,
  type JobsOrder,
  type RulesHistory,
  type RulesVersion,
} from '@millrace/control';
import { shownRule, timeText, type ShownRule } from './rules-answer.ts';

/** What `GET /api/v1/candidates` answers. */
export interface CandidatesAnswer {
  inForce: ShownInForce;
  /** The oldest first. */
  candidates: ShownCandidate[];
  candidatesMax: number;
  /** P. */
  partitions: number;
}

/** The rules that what is folded beside them is compared with. */
export interface ShownInForce {
  version: number;
  /** RFC 3339. */
  applied: string;
  /** Ascending by edition. */
  rules: ShownRule[];
  /** The rule file as a person wrote it; empty: none. */
  source: string;
  /** The number that they were a candidate with; null: they never were one. */
  candidate: number | null;
}

/** Rules that are folded beside those in force. */
export interface ShownCandidate {
  number: number;
  /** RFC 3339: jobs fold the past from then on. Null: none do, they were in force before. */
  since: string | null;
  /** Of its beginning; null as above. */
  begun: string | null;
  rules: ShownRule[];
  source: string;
  jobs: JobsAnswer;
}

/** How the jobs of a candidate are to go on: what `POST …/jobs` takes a part of, and answers. */
export interface JobsAnswer {
  paused: boolean;
  /** Of each partition's job; null: as fast as it can. */
  samplesPerSecond: number | null;
}

/** What a change of candidates answers. */
export interface CandidateAnswer {
  /** The version of the rules in force now. */
  version: number;
  /** What began, or what took the place of what was promoted; null: nothing. */
  candidate: ShownCandidate | null;
  /** By partition, the offset of the barrier that tells it. */
  barriers: number[];
}

export function candidatesAnswer(
  inForce: RulesVersion,
  history: RulesHistory,
  partitions: number,
): CandidatesAnswer {
  const { number: version, appliedAtUs, rules, source } = inForce;
  const known = history.candidateOf(rules.rules.map(({ edition }) => edition));
  const candidate = known !== undefined && isInForce(history, known.number) ? known.number : null;
  return {
    inForce: {
      ...{ version, applied: timeText(appliedAtUs), source, candidate },
      rules: rules.rules.map(shownRule),
    },
    candidates: inForce.candidates.map((one) => shownCandidate(one, history)),
    candidatesMax: CANDIDATES_MAX,
    partitions,
  };
}

export function candidateAnswer(
  { version, candidate, barriers }: ChangedCandidates,
  history: RulesHistory,
): CandidateAnswer {
  return {
    version: version.number,
    candidate: candidate === undefined ? null : shownCandidate(candidate, history),
    barriers,
  };
}

export function jobsAnswer({ isPaused, samplesPerSecondMax }: JobsOrder): JobsAnswer {
  return {
    paused: isPaused,
    samplesPerSecond: samplesPerSecondMax === 0 ? null : samplesPerSecondMax,
  };
}

function shownCandidate(
  { number, rules, source, sinceUs }: Candidate,
  history: RulesHistory,
): ShownCandidate {
  const hasJobs = Number.isFinite(sinceUs);
  const began = history.versions.find((version) => version.number === number);
  return {
    number,
    since: hasJobs ? timeText(sinceUs) : null,
    begun: hasJobs && began !== undefined ? timeText(began.appliedAtUs) : null,
    rules: rules.rules.map(shownRule),
    source,
    jobs: jobsAnswer(history.jobsOrder(number)),
  };
}
