import { candidateInForce } from '@millrace/control';
import { errorKind, errorText, MillraceError } from '@millrace/runtime';
import type { DropProgress, EditionStore } from '@millrace/store';
import { askCandidates, sendChange } from './candidates-client.ts';
import { findRuleSet } from './find-rule-set.ts';
import type { Editions } from './open-editions.ts';
import { foldingEditions } from './rule-sets.ts';

export interface DroppedRules {
  number: number;
  /** Rows of windows that were deleted this time. */
  rows: number;
}

/**
 * Frees the rows of rules that are folded beside those in force, then ends folding them. Whoever
 * dies between, repeats it.
 *
 * @throws MillraceError CANDIDATE_UNKNOWN, CANDIDATE_IN_FORCE, DROP_INCOMPLETE; what receiver and
 *   store throw.
 */
export async function dropRules(
  { url, store }: Editions,
  params: Readonly<{
    number: number;
    signal: AbortSignal;
    /** Asked once it is known that they can be dropped. */
    onFound: () => Promise<void>;
    onProgress: (progress: DropProgress) => void;
  }>,
): Promise<DroppedRules> {
  const { number, signal, onFound, onProgress } = params;
  const { rules, isInForce } = findRuleSet(await askCandidates(url), number);
  if (isInForce) throw candidateInForce(number);
  await onFound();
  const rows = await free(store, { number, editions: foldingEditions(rules), signal, onProgress });
  try {
    await sendChange(url, number, 'drop');
  } catch (error) {
    throw incomplete(number, error, 'The rows are freed');
  }
  return { number, rows };
}

async function free(
  store: EditionStore,
  params: Readonly<{ number: number } & Parameters<EditionStore['drop']>[0]>,
): Promise<number> {
  const { number, onProgress, ...drop } = params;
  let hasBegun = false;
  try {
    const { rows } = await store.drop({
      ...drop,
      onProgress: (progress) => {
        hasBegun = true;
        onProgress?.(progress);
      },
    });
    return rows;
  } catch (error) {
    // Only deleting looks at the signal; before it all is as it was.
    if (!hasBegun && errorKind(error) !== 'aborted') throw error;
    throw incomplete(number, error, 'The rows are dropped, and not all of them deleted');
  }
}

function incomplete(number: number, cause: unknown, what: string): MillraceError {
  if (errorKind(cause) === 'defect') throw cause;
  return new MillraceError({
    code: 'DROP_INCOMPLETE',
    kind: errorKind(cause),
    message: `${what}, and the log still folds these rules: ${errorText(cause)}`,
    remedy: `Run "millrace edition drop ${number}" again: it completes what is missing.`,
    cause,
  });
}
