import type { TimeUs } from '@millrace/model';
import { windowsTableOf, type ExpiringTable } from './stored-expiry.ts';
import {
  namedTenants,
  rawKeptMs,
  windowsKeptMs,
  type RetentionPolicy,
  type Whose,
} from './retention-policy.ts';
import { tierCuts, type Tier, type TierCut } from './tier-cuts.ts';

/** An edition whose windows are in the store. */
export interface RetainedEdition {
  edition: number;
  rule: string;
  /** Ascending. */
  widthsUs: readonly TimeUs[];
  /** It is shown for some windows. */
  isServed: boolean;
  /** Jobs still fold the past into it. */
  isFolding: boolean;
  /** Of each width the first start of a window that has an open piece; undefined: none has. */
  openFromUs: readonly (TimeUs | undefined)[];
}

/** A part of a table that can be dropped as a whole. */
export interface RetainedRange {
  name: string;
  table: ExpiringTable;
  /** Of windows of one width; undefined: of all that belong into the table. */
  widthUs: TimeUs | undefined;
  fromUs: TimeUs;
  untilUs: TimeUs;
}

/** What the store holds, as far as it decides what may be deleted. */
export interface RetentionFacts {
  /** The newest watermark, or the clock where that is behind it. */
  nowUs: TimeUs;
  /** Of all partitions; -Infinity: of some nothing is known. */
  smallestWatermarkUs: TimeUs;
  editions: readonly RetainedEdition[];
  ranges: readonly RetainedRange[];
  /** Tenants that had words of their own before: what was deleted of them is noted apart. */
  notedTenants: readonly string[];
}

/** Rows of one kind that have one cut. */
export interface RetainedRows extends TierCut {
  /** Undefined: raw samples and what is kept with them. */
  edition: number | undefined;
  rule: string | undefined;
  widthUs: TimeUs | undefined;
  whose: Whose;
  keepMs: number;
  /** Why they are kept although they are due. */
  waitsFor: 'partitions' | 'open windows' | 'jobs' | undefined;
}

export interface PlannedRange {
  range: RetainedRange;
  /** `drop`: nothing in it is kept; `sweep`: some rows are not. */
  action: 'drop' | 'sweep';
  /** Of rows in it. */
  rows: readonly RetainedRows[];
}

export interface RetentionPlan {
  rows: readonly RetainedRows[];
  /** Those where there is something to be done. */
  ranges: readonly PlannedRange[];
  /** Tenants with cuts of their own. */
  tenants: readonly string[];
}

/** The rule whose windows replace raw samples. */
const ROLLUP_RULE = 'rollup';
const HOUR_US: TimeUs = 3_600_000_000;
/**
 * So far the watermark has to be past the end of a window: pieces of rules that are put out in
 * intervals may not have come to the store before.
 */
export const FINAL_AFTER_US: TimeUs = 15 * 60_000_000;

/** What may be deleted now, and what waits. No clock, no I/O: a function of what it is given. */
export function planRetention(facts: RetentionFacts, policy: RetentionPolicy): RetentionPlan {
  const tenants = [...new Set([...namedTenants(policy), ...facts.notedTenants])].sort();
  const everybody: Whose[] = [undefined, ...tenants];
  const rows = everybody.flatMap((whose) => [
    rawRows(facts, policy, whose),
    ...facts.editions.flatMap((edition) => windowRows(facts, policy, { edition, whose })),
  ]);
  const ranges = facts.ranges.flatMap((range) => planRange(range, { rows, facts, policy }));
  return { rows, ranges, tenants };
}

/** Of windows of that width everything is there that ends so early, final, of all partitions. */
export function finalUntilUs(
  { smallestWatermarkUs }: Pick<RetentionFacts, 'smallestWatermarkUs'>,
  { widthsUs, isFolding, openFromUs }: RetainedEdition,
  i: number,
): TimeUs {
  if (isFolding) return -Infinity;
  const widthUs = widthsUs[i]!;
  const settledUs = smallestWatermarkUs - FINAL_AFTER_US;
  const wholeUs = Number.isFinite(settledUs) ? settledUs - modulo(settledUs, widthUs) : settledUs;
  return Math.min(wholeUs, openFromUs[i] ?? Infinity);
}

/** Raw samples are replaced by the narrowest windows of the roll-up that is shown. */
function rawRows(facts: RetentionFacts, policy: RetentionPolicy, whose: Whose): RetainedRows {
  const keepMs = rawKeptMs(policy, whose);
  const rollups = facts.editions.filter(({ rule, isServed }) => isServed && rule === ROLLUP_RULE);
  const widthsUs = [...new Set(rollups.flatMap((one) => one.widthsUs))].sort((a, b) => a - b);
  // Of several that are shown for times one after the other, all have to be there.
  const wider = widthsUs.map((widthUs): Tier => {
    const ends = rollups.flatMap((one) => {
      const i = one.widthsUs.indexOf(widthUs);
      return i === -1 ? [] : [finalUntilUs(facts, one, i)];
    });
    return { widthUs, keepUs: 0, finalUntilUs: Math.min(...ends) };
  });
  const raw = { widthUs: undefined, keepUs: keepMs * 1000, finalUntilUs: Infinity };
  const cut = tierCuts(facts.nowUs, [raw, ...wider])[0]!;
  const isFolding = rollups.some((one) => one.isFolding);
  const waitsFor = whyHeld(facts, cut, isFolding);
  return { ...WHOLE, ...cut, whose, keepMs, waitsFor };
}

const WHOLE = { edition: undefined, rule: undefined, widthUs: undefined };

function windowRows(
  facts: RetentionFacts,
  policy: RetentionPolicy,
  { edition: known, whose }: Readonly<{ edition: RetainedEdition; whose: Whose }>,
): RetainedRows[] {
  const { edition, rule, widthsUs, isFolding } = known;
  const kept = widthsUs.map((widthUs) => windowsKeptMs(policy, { rule, widthUs, whose }));
  const tiers = widthsUs.map((widthUs, i): Tier => {
    return { widthUs, keepUs: kept[i]! * 1000, finalUntilUs: finalUntilUs(facts, known, i) };
  });
  return tierCuts(facts.nowUs, tiers).map((cut, i) => ({
    ...{ edition, rule, widthUs: widthsUs[i], whose, keepMs: kept[i]! },
    ...{ ...cut, waitsFor: whyHeld(facts, cut, isFolding) },
  }));
}

function whyHeld(
  { smallestWatermarkUs }: RetentionFacts,
  { heldByUs, dueUs }: TierCut,
  isFolding: boolean,
): RetainedRows['waitsFor'] {
  if (heldByUs === undefined) return undefined;
  if (isFolding) return 'jobs';
  return smallestWatermarkUs - FINAL_AFTER_US < dueUs ? 'partitions' : 'open windows';
}

function planRange(
  range: RetainedRange,
  all: Readonly<{
    rows: readonly RetainedRows[];
    facts: RetentionFacts;
    policy: RetentionPolicy;
  }>,
): PlannedRange[] {
  const rows = all.rows.filter((one) => liesIn(one, range));
  // Windows of editions that nobody knows any more.
  const cuts = rows.length === 0 ? [orphanCutUs(range, all)] : rows.map(({ cutUs }) => cutUs);
  if (range.untilUs <= Math.min(...cuts)) return [{ range, action: 'drop', rows }];
  if (rows.length > 0 && range.fromUs < Math.max(...cuts))
    return [{ range, action: 'sweep', rows }];
  return [];
}

function liesIn({ widthUs }: RetainedRows, { table, widthUs: only }: RetainedRange): boolean {
  if (table !== 'windows_narrow' && table !== 'windows_wide') return widthUs === undefined;
  if (widthUs === undefined || (only !== undefined && only !== widthUs)) return false;
  return table === windowsTableOf(widthUs);
}

function orphanCutUs(
  { table }: RetainedRange,
  { facts, policy }: Readonly<{ facts: RetentionFacts; policy: RetentionPolicy }>,
): TimeUs {
  const { narrowWindowsMs, wideWindowsMs } = policy.defaults;
  const keepMs = table === 'windows_narrow' ? narrowWindowsMs : wideWindowsMs;
  const keepUs = keepMs * 1000;
  return tierCuts(facts.nowUs, [{ widthUs: HOUR_US, keepUs, finalUntilUs: Infinity }])[0]!.cutUs;
}

function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}
