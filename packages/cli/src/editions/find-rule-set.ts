import { candidateUnknown } from '@millrace/control';
import type { CandidatesAnswer, ShownRule } from '@millrace/receiver';
import { MillraceError } from '@millrace/runtime';

/** Rules by the number that a person named. */
export interface NamedRules {
  number: number;
  isInForce: boolean;
  /** RFC 3339: its past is folded from then on; null: it is not. */
  since: string | null;
  rules: readonly ShownRule[];
}

/** @throws MillraceError CANDIDATE_UNKNOWN. */
export function findRuleSet(answer: CandidatesAnswer, number: number): NamedRules {
  const { inForce, candidates } = answer;
  if (inForce.candidate === number) {
    return { number, isInForce: true, since: null, rules: inForce.rules };
  }
  const found = candidates.find((one) => one.number === number);
  if (found === undefined) throw unknownNumber(answer, number);
  return { number, isInForce: false, since: found.since, rules: found.rules };
}

/** The one candidate that there is jobs of, or the one that was named. */
export function findReprocessed(answer: CandidatesAnswer, number: number | undefined): NamedRules {
  if (number !== undefined) return findRuleSet(answer, number);
  const [only, ...others] = answer.candidates.filter(({ since }) => since !== null);
  if (only !== undefined && others.length === 0) return findRuleSet(answer, only.number);
  const numbers = [only, ...others].flatMap((one) => one?.number ?? []);
  throw new MillraceError({
    code: 'CANDIDATE_NOT_CHOSEN',
    kind: 'permanent',
    message:
      numbers.length === 0
        ? 'No history is folded under other rules. Nothing was changed.'
        : `History is folded under several: ${numbers.join(' and ')}. Nothing was changed.`,
    remedy:
      numbers.length === 0
        ? 'Begin with "millrace reprocess --rules FILE --since 2h".'
        : 'Name the number of one.',
  });
}

function unknownNumber({ candidates, inForce }: CandidatesAnswer, number: number): Error {
  const numbers = candidates.map((one) => one.number);
  const { candidate } = inForce;
  return candidateUnknown(number, candidate === null ? numbers : [...numbers, candidate]);
}
