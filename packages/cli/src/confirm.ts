import { createInterface } from 'node:readline/promises';
import { MillraceError } from '@millrace/runtime';

/**
 * Asks a person; where there is none, `would` says what was not done.
 *
 * @throws MillraceError CONFIRMATION_NEEDED, NOT_CONFIRMED (aborted).
 */
export async function confirm(question: string, would: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new MillraceError({
      code: 'CONFIRMATION_NEEDED',
      kind: 'permanent',
      message: would,
      remedy: 'Say --yes, where nobody can be asked.',
    });
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    asking.close();
  }
  throw new MillraceError({
    code: 'NOT_CONFIRMED',
    kind: 'aborted',
    message: 'Nothing was deleted.',
  });
}
