import type { StoredDeadLetter } from '@millrace/store';
import type { AuditParts } from '../audit-parts.ts';
import type { Findings } from '../findings.ts';
import { formatTimeUs } from '../report.ts';
import type { ExpectedLetters } from './expected-letters.ts';
import { idOf } from './tell-entries.ts';

export function tellMissingLetters({ missing }: ExpectedLetters, findings: Findings): void {
  const [first] = missing.kept;
  if (first === undefined) return;
  const { partition, offset, entry } = first;
  const { tenant, reason, fingerprint, timeUs } = entry;
  const { seriesId } = idOf(fingerprint.subarray(0, 8));
  const time = formatTimeUs(timeUs);
  const message = `The dead letter (${reason}) of series ${seriesId} at ${time} is not there.`;
  const place = { partition, offset, tenant, seriesId, time, message };
  findings.add('entry_missing', place, missing.count);
}

/** Once all rounds have taken theirs. `isWhole`: all that a partition ever put out is known. */
export function tellStrangeLetters(
  { letters }: AuditParts,
  isWhole: (partition: number) => boolean,
  findings: Findings,
): void {
  const strange = letters.ofFold.left().filter(({ partition }) => isWhole(partition));
  const [first] = strange;
  if (first === undefined) return;
  const { partition, tenant, reason } = first;
  const message = `A dead letter (${reason})${whereOf(first)} is there; the log has no such.`;
  findings.add('entry_unexpected', { partition, tenant, message }, strange.length);
}

function whereOf({ seriesId, timeUs }: StoredDeadLetter): string {
  const series = seriesId === undefined ? '' : ` of series ${idOf(seriesId).seriesId}`;
  return timeUs === undefined ? series : `${series} at ${formatTimeUs(timeUs)}`;
}
