import type { TimeUs } from '@millrace/model';
import {
  editionDropped,
  editionNotCovered,
  editionOvertaken,
  editionUnknown,
  jobsClosed,
  jobsNotEnded,
} from '../../edition-errors.ts';
import type { PromotedRule, Promotion } from '../../edition-store.ts';
import { alignedUs, earliestUs, type Succession } from '../../promotion-times.ts';
import type { StoredPromotion, StoredServed } from '../../reader-rows.ts';
import { int8Array, textArray } from '../connection/array-parameters.ts';
import {
  liveFromUs,
  readEditionFacts,
  readJobs,
  readServed,
  wholeFromUs,
  type EditionFacts,
} from './edition-facts.ts';
import { serveAnew } from './edition-rows.ts';
import { promotionOf, type PromotionRow } from './read-editions.ts';
import type { Session } from '../connection/session.ts';

/** See `EditionStore.promote`; in a transaction. */
export async function promoteEditions(
  session: Session,
  promotion: Promotion,
): Promise<PromotedRule[]> {
  const { version, editions } = promotion;
  await session.run('lock-all-editions');
  const before = (await readPromotions(session)).filter((one) => one.version === version);
  if (before.length > 0) return before.map(shownOf);
  const facts = await readEditionFacts(session);
  const served = await readServed(session);
  const successions = successionsOf(promotion, facts, served);
  await checkJobs(session, promotion, { facts, successions });
  const promoted = placed(promotion, successions);
  const endUs = await endOfOthers(session, promotion, promoted);
  const shown = [...promoted, ...endedRules({ endUs, promoted, facts, served })];
  await session.run('insert-promotions', [
    version,
    textArray(shown.length, (i) => shown[i]!.rule),
    int8Array(shown.length, (i) => shown[i]!.edition),
    shown.map(({ fromUs }) => boundText(fromUs)),
  ]);
  await serveAnew(
    session,
    shown.map(({ rule }) => rule),
  );
  await checkShown(session, version, promoted);
  await session.run('close-jobs', [editions]);
  return shown;
}

/** See `EditionStore.rollBack`; in a transaction. */
export async function rollBackPromotion(
  session: Session,
  { version }: Readonly<{ version: number }>,
): Promise<PromotedRule[]> {
  await session.run('lock-all-editions');
  const gone = (await readPromotions(session)).filter((one) => one.version === version);
  if (gone.length === 0) return [];
  const rules = gone.map(({ rule }) => rule);
  const { rows } = await session.run<{ rule: string; number: number }>('read-later-rules', [
    rules,
    version,
  ]);
  const [later] = rows;
  if (later !== undefined) {
    throw editionOvertaken({ rule: later.rule, version, later: later.number });
  }
  const before = await readServed(session);
  await session.run('delete-promotions', [version]);
  await serveAnew(session, rules);
  await checkThere(session, before);
  return gone.map(shownOf);
}

async function readPromotions(session: Session): Promise<StoredPromotion[]> {
  return (await session.run<PromotionRow>('read-promotions')).rows.map(promotionOf);
}

function shownOf({ rule, edition, fromUs }: StoredPromotion): PromotedRule {
  return { rule, edition, fromUs };
}

/** @throws StoreError EDITION_UNKNOWN, EDITION_DROPPED. */
function successionsOf(
  { editions }: Promotion,
  facts: readonly EditionFacts[],
  served: readonly StoredServed[],
): Succession[] {
  const byNumber = new Map(facts.map((one) => [one.edition, one]));
  const isKnown = (edition: number): boolean => {
    const known = byNumber.get(edition);
    return known !== undefined && liveFromUs(known) !== undefined;
  };
  const unknown = editions.filter((edition) => !isKnown(edition));
  if (unknown.length > 0) throw editionUnknown(unknown);
  return editions.map((edition) => {
    const known = byNumber.get(edition)!;
    const { rule, widthsUs, isDropped } = known;
    if (isDropped) throw editionDropped(rule, edition);
    const now = served.find((one) => one.rule === rule && one.untilUs === Infinity);
    const widthsBeforeUs = byNumber.get(now?.edition ?? NaN)?.widthsUs ?? [];
    const wholeUs = wholeFromUs(known).map((wholeUs) => wholeUs!);
    return { rule, edition, widthsUs, widthsBeforeUs, wholeUs };
  });
}

/**
 * From where live folding has all there is, nobody need wait for jobs.
 *
 * @throws StoreError JOBS_NOT_ENDED, JOBS_CLOSED.
 */
async function checkJobs(
  session: Session,
  { fromUs = -Infinity }: Promotion,
  { facts, successions }: { facts: readonly EditionFacts[]; successions: readonly Succession[] },
): Promise<void> {
  for (const one of successions) {
    const known = facts.find(({ edition }) => edition === one.edition)!;
    const { candidate, pastUs, partitions } = known;
    if (candidate === undefined || pastUs !== undefined) continue;
    if (alignedFor(one, fromUs) >= liveFromUs(known)!) continue;
    const jobs = (await readJobs(session)).get(candidate) ?? [];
    if (jobs.some(({ hasEnded, isClosed }) => isClosed && !hasEnded)) {
      throw jobsClosed(candidate, earliestOfAllUs(successions));
    }
    throw jobsNotEnded(candidate, jobs, partitions);
  }
}

function alignedFor({ widthsUs, widthsBeforeUs }: Succession, fromUs: TimeUs): TimeUs {
  return alignedUs(fromUs, [...widthsUs, ...widthsBeforeUs]);
}

/** It is aligned for each of them, or nobody would be helped by being told. */
function earliestOfAllUs(successions: readonly Succession[]): TimeUs {
  return Math.max(...successions.map(earliestUs));
}

/** @throws StoreError EDITION_NOT_COVERED. */
function placed({ fromUs }: Promotion, successions: readonly Succession[]): PromotedRule[] {
  const allUs = earliestOfAllUs(successions);
  return successions.map((one) => {
    const { rule, edition } = one;
    const mineUs = earliestUs(one);
    if (fromUs === undefined) return { rule, edition, fromUs: mineUs };
    const atUs = alignedFor(one, fromUs);
    if (atUs < mineUs) {
      throw editionNotCovered({ rule, edition, fromUs: atUs, earliestUs: allUs });
    }
    return { rule, edition, fromUs: atUs };
  });
}

/** From where on rules are not shown that are not among those promoted. */
async function endOfOthers(
  session: Session,
  { fromUs }: Promotion,
  promoted: readonly PromotedRule[],
): Promise<TimeUs> {
  if (fromUs !== undefined) return fromUs;
  if (promoted.length > 0) return Math.max(...promoted.map((one) => one.fromUs));
  // Rules that all drop: what is whole of others stays.
  const { rows } = await session.run<{ watermark_us: number }>('smallest-watermark');
  return rows[0]!.watermark_us;
}

/** Rules that are shown, and are not among what is promoted. */
function endedRules(
  params: Readonly<{
    endUs: TimeUs;
    promoted: readonly PromotedRule[];
    facts: readonly EditionFacts[];
    served: readonly StoredServed[];
  }>,
): PromotedRule[] {
  const { endUs, promoted, facts, served } = params;
  return served.flatMap(({ rule, edition, untilUs }): PromotedRule[] => {
    if (untilUs !== Infinity || promoted.some((one) => one.rule === rule)) return [];
    const { widthsUs, ended, partitions } = facts.find((one) => one.edition === edition)!;
    // It was removed before: nothing comes of it any more.
    if (ended > 0 && ended >= partitions) return [];
    return [{ rule, edition: undefined, fromUs: alignedUs(endUs, widthsUs) }];
  });
}

/** @throws StoreError EDITION_OVERTAKEN. */
async function checkShown(
  session: Session,
  version: number,
  promoted: readonly PromotedRule[],
): Promise<void> {
  const served = await readServed(session);
  for (const { rule, edition, fromUs } of promoted) {
    const ranges = served.filter((one) => one.rule === rule);
    if (ranges.some((one) => one.edition === edition && one.fromUs === fromUs)) continue;
    const instead = ranges.find((one) => one.fromUs <= fromUs && fromUs < one.untilUs);
    throw editionOvertaken({ rule, version, later: instead?.edition ?? NaN });
  }
}

/** @throws StoreError EDITION_DROPPED. */
async function checkThere(session: Session, before: readonly StoredServed[]): Promise<void> {
  const served = await readServed(session);
  for (const { edition, rule, isDropped } of await readEditionFacts(session)) {
    if (!isDropped) continue;
    for (const range of served.filter((one) => one.edition === edition)) {
      const isThere = before.some((one) => {
        const { fromUs, untilUs } = one;
        return one.edition === edition && fromUs <= range.fromUs && untilUs >= range.untilUs;
      });
      if (!isThere) throw editionDropped(rule, edition);
    }
  }
}

/** Whole seconds, or since ever. */
function boundText(timeUs: TimeUs): string {
  return timeUs === -Infinity ? '-infinity' : new Date(timeUs / 1000).toISOString();
}
