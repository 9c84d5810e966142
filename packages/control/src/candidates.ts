import type { Producer } from '@millrace/stream';
import { tellPartitions, type ChangingParts, type ControlParts } from './apply-rules.ts';
import { checkFrequency } from './check-frequency.ts';
import { candidatesFull, candidateUnknown, notBegun, sinceInFuture } from './control-errors.ts';
import type { WantedRules } from './plan-rules.ts';
import { HistoryReader } from './read-history.ts';
import { allBegun, noneBegun, recordVersion, type NextVersion } from './record-version.ts';
import type { Candidate, RulesVersion } from './rules-history.ts';

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
  wanted: Pick<WantedRules, 'rules' | 'source'> & Pick<Candidate, 'sinceUs'>,
): Promise<ChangedCandidates> {
  if (wanted.sinceUs > parts.clock.nowUs()) throw sinceInFuture();
  const changed = await change(parts, (before) => {
    if (before.candidates.length >= CANDIDATES_MAX) throw candidatesFull(CANDIDATES_MAX);
    return { ...goOn(before), begun: { ...allBegun(wanted), sinceUs: wanted.sinceUs } };
  });
  return { ...changed, candidate: changed.version.candidates.at(-1) };
}

/**
 * Brings a candidate's rules into force, with the editions they have; the rules that were in force
 * become a candidate, so that they can be promoted again. Changes nothing of what is shown: that
 * is the store's business.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN; and what `applyRules` throws.
 */
export async function promoteCandidate(parts: Parts, number: number): Promise<ChangedCandidates> {
  const changed = await change(parts, (before) => {
    const wanted = candidateOf(before, number);
    const { rules, source } = before;
    const kept = { number: before.number, rules, source, sinceUs: Infinity };
    const candidates = before.candidates.map((one) => (one === wanted ? kept : one));
    return { ...goOn(before), rules: noneBegun(wanted), candidates };
  });
  const { candidates, after } = changed.version;
  return { ...changed, candidate: candidates.find((one) => one.number === after) };
}

/**
 * Ends folding a candidate.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN; and what `applyRules` throws.
 */
export async function dropCandidate(parts: Parts, number: number): Promise<ChangedCandidates> {
  const changed = await change(parts, (before) => {
    const dropped = candidateOf(before, number);
    const candidates = before.candidates.filter((one) => one !== dropped);
    return { ...goOn(before), candidates };
  });
  return { ...changed, candidate: undefined };
}

function goOn(before: RulesVersion): NextVersion {
  const { number: after, settings, foldVersion, candidates } = before;
  return {
    ...{ after, settings, foldVersion, candidates },
    rules: noneBegun(before),
    begun: undefined,
  };
}

function candidateOf({ candidates }: RulesVersion, number: number): Candidate {
  const found = candidates.find((one) => one.number === number);
  if (found !== undefined) return found;
  throw candidateUnknown(
    number,
    candidates.map((one) => one.number),
  );
}

async function change(
  parts: Parts,
  next: (before: RulesVersion) => NextVersion,
): Promise<Omit<ChangedCandidates, 'candidate'>> {
  const { stream, clock, history = new HistoryReader(stream) } = parts;
  const known = await history.read();
  const before = known.newest;
  if (before === undefined) throw notBegun();
  const wanted = next(before);
  checkFrequency(known.versions, clock.nowUs());
  const producer: Producer = stream.producer();
  try {
    const version = await recordVersion({ stream, clock, history }, producer, wanted);
    return { version, barriers: await tellPartitions(parts, producer, version) };
  } finally {
    await producer.close();
  }
}
