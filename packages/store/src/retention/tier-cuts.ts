import type { TimeUs } from '@millrace/model';

/** Rows of one fineness: raw samples, or the windows of one width of an edition. */
export interface Tier {
  /** Undefined: raw samples. */
  widthUs: TimeUs | undefined;
  /** How long they are wanted. */
  keepUs: TimeUs;
  /**
   * Windows that end at or before this time are all there, of every partition, and final.
   * -Infinity: of none that is known. Raw samples are there as they come: Infinity.
   */
  finalUntilUs: TimeUs;
}

/** Below which time the rows of a tier may be deleted. */
export interface TierCut {
  cutUs: TimeUs;
  /** Where it would lie by age alone. */
  dueUs: TimeUs;
  /** The next wider tier that is not final where this one would be cut; undefined: it is. */
  heldByUs: TimeUs | undefined;
  /** What is shown below the cut; undefined: nothing, data ends there. */
  replacedByUs: TimeUs | undefined;
}

const DAY_US: TimeUs = 86_400_000_000;
/** Windows of odd widths begin together hardly ever: the widest of those do not count then. */
const STEP_US_MAX: TimeUs = 366 * DAY_US;

/**
 * Where the tiers of one series are cut, the finest first, ascending by width.
 *
 * INVARIANT 8: no cut opens a gap. A tier is cut at most where the windows of the next wider tier
 * are final: of these two the finer one goes on where the wider one ends, and so from tier to
 * tier. And it is cut where windows of all wider tiers begin, so that none is half covered.
 */
export function tierCuts(nowUs: TimeUs, tiers: readonly Tier[]): TierCut[] {
  return tiers.map(({ keepUs }, i) => {
    const wider = tiers.slice(i + 1);
    const stepUs = commonStepUs(wider.map(({ widthUs }) => widthUs ?? 1));
    const dueUs = floorTo(nowUs - keepUs, stepUs);
    const [next] = wider;
    if (next === undefined) return { cutUs: dueUs, dueUs, ...ENDS };
    const allowedUs = floorTo(next.finalUntilUs, stepUs);
    return {
      cutUs: Math.min(dueUs, allowedUs),
      dueUs,
      heldByUs: allowedUs < dueUs ? next.widthUs : undefined,
      replacedByUs: next.widthUs,
    };
  });
}

const ENDS = { heldByUs: undefined, replacedByUs: undefined };

/**
 * Windows of all these widths, ascending, begin at its multiples; where that is not too rare, days
 * as well, in which packs and most ranges of tables end.
 */
export function commonStepUs(widthsUs: readonly TimeUs[]): TimeUs {
  let stepUs = 1;
  for (const widthUs of [...widthsUs, DAY_US]) {
    const longerUs = (stepUs / greatestCommonDivisor(stepUs, widthUs)) * widthUs;
    if (longerUs > STEP_US_MAX) break;
    stepUs = longerUs;
  }
  return stepUs;
}

function floorTo(timeUs: TimeUs, stepUs: TimeUs): TimeUs {
  return Number.isFinite(timeUs) ? Math.floor(timeUs / stepUs) * stepUs : timeUs;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
