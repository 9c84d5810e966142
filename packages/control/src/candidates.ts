import type { Producer } from '@millrace/stream';
import { tellPartitions } from './apply-rules.ts';
import type { ChangingParts, ControlParts } from './control-parts.ts';
import { checkFrequency } from './check-frequency.ts';
import {
  candidateInForce,
  candidatesFull,
  candidateUnknown,
  notBegun,
  sinceInFuture,
} from './control-errors.ts';
import type { WantedRules } from './plan-rules.ts';
import { HistoryReader } from './read-history.ts';
import {
  allBegun,
  noneBegun,
  recordVersion,
  type BegunCandidate,
  type NextVersion,
} from './record-version.ts';
import type { Candidate, RulesHistory, RulesVersion } from './rules-history.ts';

/** How many rule sets are folded beside those in force: one that is tried, one that is kept. */
export const CANDIDATES_MAX = 2;

export interface ChangedCandidates {
  /** What is in force now. */
  version: RulesVersion;
  /** The candidate that it is about, as it is now; undefined: it is none any more. */
  candidate: Candidate | undefined;
  /** The offset of the barrier in each partition of `metrics.events`. */
  barriers: number[];
}

type Parts = ControlParts & Partial<ChangingParts>;

/**
 * Folds rules beside those in force from here on, every one in a new edition, and asks for jobs
 * that fold the past into them, from the windows on that hold `sinceUs`. Nothing of it is shown
 * before it is promoted.
 *
 * @throws MillraceError CANDIDATES_FULL, REPROCESS_SINCE; and what `applyRules` throws.
 */
export async function beginCandidate(
  parts: Parts,
  wanted: Pick<WantedRules, 'rules' | 'source'> & BegunCandidate,
): Promise<ChangedCandidates> {
  if (wanted.sinceUs > parts.clock.nowUs()) throw sinceInFuture();
  const changed = await change(parts, (before) => {
    if (before.candidates.length >= CANDIDATES_MAX) throw candidatesFull(CANDIDATES_MAX);
    const { sinceUs, samplesPerSecondMax } = wanted;
    return { ...goOn(before), begun: { ...allBegun(wanted), sinceUs, samplesPerSecondMax } };
  });
  return { ...changed, candidate: changed.version.candidates.at(-1) };
}

/**
 * Brings a candidate's rules into force, with the editions they have; the rules that were in force
 * become a candidate, so that they can be promoted again. Rules that were a candidate before have
 * the number of then. Changes nothing of what is shown: that is the store's business. Of rules that
 * are in force already it only tells the partitions again.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN; and what `applyRules` throws.
 */
export async function promoteCandidate(parts: Parts, number: number): Promise<ChangedCandidates> {
  let keptEditions: readonly number[] = [];
  const changed = await change(parts, (before, history) => {
    const wanted = before.candidates.find((one) => one.number === number);
    if (wanted === undefined && isInForce(history, number)) return undefined;
    if (wanted === undefined) throw unknown(before, number);
    const { rules, source } = before;
    keptEditions = editionsOf(before);
    // One that never was a candidate gets the number of this version, which it cannot know yet.
    const known = history.candidateOf(keptEditions)?.number ?? 0;
    const kept = { number: known, rules, source, sinceUs: Infinity };
    const candidates = before.candidates.map((one) => (one === wanted ? kept : one));
    return { ...goOn(before), rules: noneBegun(wanted), candidates };
  });
  const kept = (one: Candidate): boolean => isSame(editionsOf(one), keptEditions);
  return { ...changed, candidate: changed.version.candidates.find(kept) };
}

/**
 * Ends folding a candidate. Of one that was dropped before it only tells the partitions again.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN, CANDIDATE_IN_FORCE; and what `applyRules` throws.
 */
export async function dropCandidate(parts: Parts, number: number): Promise<ChangedCandidates> {
  const changed = await change(parts, (before, history) => {
    const dropped = before.candidates.find((one) => one.number === number);
    if (dropped === undefined) {
      if (history.candidate(number) === undefined) throw unknown(before, number);
      if (isInForce(history, number)) throw candidateInForce(number);
      return undefined;
    }
    const candidates = before.candidates.filter((one) => one !== dropped);
    return { ...goOn(before), candidates };
  });
  return { ...changed, candidate: undefined };
}

/** Whether rules that were a candidate with this number are the ones in force. */
export function isInForce(history: RulesHistory, number: number): boolean {
  const { newest } = history;
  const known = history.candidate(number);
  if (newest === undefined || known === undefined) return false;
  return isSame(editionsOf(known), editionsOf(newest));
}

function goOn(before: RulesVersion): NextVersion {
  const { number: after, settings, foldVersion, candidates } = before;
  return {
    ...{ after, settings, foldVersion, candidates },
    rules: noneBegun(before),
    begun: undefined,
  };
}

function editionsOf({ rules }: Pick<Candidate, 'rules'>): number[] {
  return rules.rules.map(({ edition }) => edition);
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((edition, i) => edition === b[i]);
}

function unknown({ candidates }: RulesVersion, number: number): Error {
  const known = candidates.map((one) => one.number);
  return candidateUnknown(number, known);
}

async function change(
  parts: Parts,
  next: (before: RulesVersion, history: RulesHistory) => NextVersion | undefined,
): Promise<Omit<ChangedCandidates, 'candidate'>> {
  const { stream, clock, history = new HistoryReader(stream) } = parts;
  const known = await history.read();
  const before = known.newest;
  if (before === undefined) throw notBegun();
  const wanted = next(before, known);
  if (wanted !== undefined) checkFrequency(known.versions, clock.nowUs());
  const producer: Producer = stream.producer();
  try {
    const version =
      wanted === undefined
        ? before
        : await recordVersion({ stream, clock, history }, producer, wanted);
    return { version, barriers: await tellPartitions(parts, producer, version) };
  } finally {
    await producer.close();
  }
}
