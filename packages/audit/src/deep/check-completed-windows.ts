import { checkCompleted, type CompletedCheck, type CompletedFault } from '@millrace/complete';
import { openedAt } from '@millrace/model';
import type { MarkedWindow, WindowName } from '@millrace/store';
import type { AuditParts } from '../audit-parts.ts';
import type { Findings } from '../findings.ts';
import { formatTimeUs } from '../report.ts';
import type { FoldStart } from './fold-start.ts';
import { idOf } from './tell-entries.ts';

/** Windows that are computed at once; the log is read once for all of them. */
const WINDOWS_MAX = 50_000;
const HOUR_US = 3_600_000_000;
/** Counters that say nothing for so many windows are no reason to call anything wrong. */
const CUT_WIDTHS = 16;

interface Told {
  rows: Record<string, number>;
  notProven: string[];
  notes: string[];
}

/**
 * Windows that were computed again are computed once more. That is what made them, from the log's
 * own records; and not the fold, which cannot know what they hold.
 */
export async function checkCompletedWindows(
  parts: AuditParts,
  starts: readonly FoldStart[],
  findings: Findings,
): Promise<Told> {
  const { stream, snapshot, settings, plan, differences, signal } = parts;
  const told: Told = { rows: {}, notProven: [], notes: [] };
  const marked = await countMarked(parts);
  if (marked > 0) {
    told.notes.push(
      marked === 1
        ? '1 window that is over is marked: it shows what could be told when its samples came. ' +
            '"millrace reprocess --marked" computes it again.'
        : `${marked} windows that are over are marked: they show what could be told when their ` +
            'samples came. "millrace reprocess --marked" computes them again.',
    );
  }
  const range = differences?.range ?? EVERYTHING;
  const startOf = new Map(plan.partitions.map(({ partition }, i) => [partition, starts[i]!]));
  let elsewhere = 0;
  const isWanted = ({ firsts, startUs, widthUs }: MarkedWindow): boolean => {
    if (startUs + widthUs <= range.sinceUs || startUs >= range.untilUs) return false;
    const ofFirsts = firsts.map(({ partition }) => startOf.get(partition));
    const isElsewhere = ofFirsts.includes(undefined);
    if (isElsewhere) elsewhere += 1;
    if (isElsewhere) return false;
    return firsts.every(({ piece }, i) => openedAt(piece) >= ofFirsts[i]!.position);
  };
  const isNearCut = ({ edition, startUs, widthUs }: WindowName): boolean => {
    const table = widthUs < HOUR_US ? 'windows_narrow' : 'windows_wide';
    const beforeUs = plan.expired.beforeUs(table, { edition, widthUs });
    return startUs - CUT_WIDTHS * widthUs < beforeUs;
  };
  const { samplesMax, logWaitMsMax, partition } = settings;
  const check = await checkCompleted(
    { stream, store: snapshot, isWanted, isNearCut, signal },
    { samplesMax, logWaitMsMax, windowsMax: WINDOWS_MAX, identitiesMax: samplesMax },
  );
  tellFaults(check, findings);
  if (check.compared > 0) told.rows['completed'] = check.compared;
  told.notProven.push(...unproven(check));
  if (elsewhere > 0) {
    told.notProven.push(
      `${again(elsewhere)} ${were(elsewhere)} not compared: samples are of other partitions ` +
        `than ${partition}. "millrace audit --deep" compares all, without --partition.`,
    );
  }
  return told;
}

const EVERYTHING = { sinceUs: -Infinity, untilUs: Infinity };

/** Those of which a row may have been there. */
async function countMarked({ snapshot, differences }: AuditParts): Promise<number> {
  if (differences !== undefined) return 0;
  const scope = { fromUs: -Infinity, untilUs: Infinity, rules: undefined, tenant: undefined };
  let count = 0;
  let after: WindowName | undefined;
  for (;;) {
    const how = { after, windowsMax: WINDOWS_MAX, isAgain: false, isOnlyNew: true };
    const { windows, watermarkUs } = await snapshot.marked({ ...scope, ...how });
    const isOver = ({ isOpen, startUs, widthUs }: MarkedWindow): boolean =>
      !isOpen && startUs + widthUs <= watermarkUs;
    count += windows.filter(isOver).length;
    if (windows.length < WINDOWS_MAX) return count;
    after = windows.at(-1);
  }
}

function tellFaults({ faults, counts }: CompletedCheck, findings: Findings): void {
  const first = (kind: CompletedFault['kind']): CompletedFault | undefined =>
    faults.find((one) => one.kind === kind);
  const differs = first('differs');
  if (differs !== undefined) {
    const { expected, found } = differs;
    const message =
      `${described(differs)} was computed again, and is stored with ${found}; all samples of the ` +
      `log say ${expected}. "millrace reprocess --marked --again" computes it once more.`;
    findings.add('entry_differs', { ...placeOf(differs), message }, counts.differs);
  }
  const gone = first('gone');
  if (gone === undefined) return;
  const { expected, found } = gone;
  const message =
    `${described(gone)} was computed again with the one before, and that is not stored any more: ` +
    `it shows ${found}; all samples of the log say ${expected}. "millrace reprocess --marked ` +
    '--again" computes it once more.';
  findings.add('entry_missing', { ...placeOf(gone), message }, counts.gone);
}

function placeOf({ window: { seriesId, startUs }, expected, found }: CompletedFault) {
  return { ...idOf(seriesId), time: formatTimeUs(startUs), expected, found };
}

function described({ window: { edition, seriesId, widthUs, startUs } }: CompletedFault): string {
  return (
    `The window ${formatTimeUs(startUs)} + ${widthUs / 1_000_000} s of series ` +
    `${idOf(seriesId).seriesId}, edition ${edition},`
  );
}

function unproven({ reasons, notOver, changedBefore }: CompletedCheck): string[] {
  const sentences = reasons.map(
    ({ windows, message }) =>
      `${again(windows)} could not be computed now, and ${were(windows)} not compared: ${message}`,
  );
  if (notOver > 0) {
    sentences.push(
      `${again(notOver)} ${notOver === 1 ? 'is' : 'are'} not over by the time of all partitions, ` +
        `or the next one is not, and ${were(notOver)} not compared.`,
    );
  }
  if (changedBefore > 0) {
    sentences.push(
      `Of ${changedBefore} window${plural(changedBefore)} the increase is not what all samples ` +
        'say; windows before are marked or were deleted, and what came to those may be why. ' +
        '"millrace reprocess --marked" computes them again.',
    );
  }
  return sentences;
}

/** So many of those that this is about. */
function again(windows: number): string {
  return `${windows} window${plural(windows)} that ${were(windows)} computed again`;
}

function were(windows: number): string {
  return windows === 1 ? 'was' : 'were';
}

function plural(count: number): string {
  return count === 1 ? '' : 's';
}
