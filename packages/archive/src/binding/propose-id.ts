import { sha256Of } from '../digest.ts';

const ID_DIGITS = 32;

/** Of the log, of how often it has forgotten an archive, and of where the archive lies. */
export function proposedId(
  of: Readonly<{ logId: string; forgotten: number; place: string }>,
): string {
  const { logId, forgotten, place } = of;
  return sha256Of(Buffer.from(`archive ${forgotten} of ${logId} in ${place}`)).slice(0, ID_DIGITS);
}
