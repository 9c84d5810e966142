import { readRetentionWords, type RetentionWords } from '@millrace/rules';
import { notBegun, retentionUnreadable } from './control-errors.ts';
import type { RulesHistory } from './rules-history.ts';

/**
 * What rule files say about how long rows are kept: that of the rules in force, and those of what
 * is folded beside them, which may be kept to be rolled back to.
 *
 * @throws MillraceError (permanent) CONTROL_RETENTION: one of them is not understood, and nothing
 *   may be deleted by what the others say; CONTROL_NOT_BEGUN.
 */
export function retentionInForce({ newest }: RulesHistory): RetentionWords[] {
  if (newest === undefined) throw notBegun();
  return [newest, ...newest.candidates].map(({ source }) => {
    const words = readRetentionWords(source);
    if (words === undefined) throw retentionUnreadable(newest.number);
    return words;
  });
}
