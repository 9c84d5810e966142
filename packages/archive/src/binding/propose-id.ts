import { sha256Of } from '../digest.ts';

const ID_DIGITS = 32;

/** Of the log and of how often it has forgotten an archive: the same for all who ask at once. */
export function proposedId(logId: string, forgotten: number): string {
  return sha256Of(Buffer.from(`archive ${forgotten} of ${logId}`)).slice(0, ID_DIGITS);
}
