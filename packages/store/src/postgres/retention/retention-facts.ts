import type { Clock } from '@millrace/runtime';
import type { RetainedEdition, RetentionFacts } from '../../retention/plan-retention.ts';
import {
  readEditionFacts,
  readJobs,
  readServed,
  type EditionFacts,
} from '../editions/edition-facts.ts';
import type { Session } from '../connection/session.ts';
import type { StorageLayout, StoredRange } from '../layout/storage-layout.ts';

/** What decides what may be deleted, as it is now. */
export interface StoredFacts extends RetentionFacts {
  ranges: readonly StoredRange[];
}

/** In any order of statements: windows that become final, or ranges that come, only add to it. */
export async function readRetentionFacts(
  session: Session,
  { layout, clock }: Readonly<{ layout: StorageLayout; clock: Clock }>,
): Promise<StoredFacts> {
  const newest = await watermarkOf(session, 'newest-watermark');
  // Before the windows that it speaks of: those only come to be more.
  const smallestWatermarkUs = await watermarkOf(session, 'smallest-watermark');
  const known = await readEditionFacts(session);
  const editions = await readRetainedEditions(session, known);
  const live = await session.run('read-live-marks');
  // Of a partition of which nothing was ever stored no watermark tells.
  const isAllKnown = known.every(({ partitions }) => partitions <= live.rows.length);
  const apart = await session.run<{ tenant: string }>('read-retention-tenants');
  return {
    // If this clock alone jumps ahead, nothing is forgotten: age is against the newest watermark.
    nowUs: Math.min(clock.nowUs(), newest),
    smallestWatermarkUs: isAllKnown ? smallestWatermarkUs : -Infinity,
    editions,
    ranges: await layout.readRanges(session),
    notedTenants: apart.rows.map(({ tenant }) => tenant),
  };
}

async function watermarkOf(session: Session, statement: string): Promise<number> {
  const { rows } = await session.run<{ watermark_us: string | number | null }>(statement);
  const watermark = rows[0]?.watermark_us ?? null;
  return watermark === null ? -Infinity : Number(watermark);
}

/** Of dropped ones only those that windows are still shown of: the others are deleted anyway. */
async function readRetainedEditions(
  session: Session,
  facts: readonly EditionFacts[],
): Promise<RetainedEdition[]> {
  const served = new Set((await readServed(session)).map(({ edition }) => edition));
  const folding = await readFoldingCandidates(session);
  const { rows } = await session.run<{ edition: string; width_us: number; start_us: number }>(
    'read-open-starts',
  );
  const openFromUs = ({ edition, widthsUs }: EditionFacts) =>
    widthsUs.map((widthUs) => {
      const open = rows.find((row) => Number(row.edition) === edition && row.width_us === widthUs);
      return open?.start_us;
    });
  return facts
    .filter(({ isDropped, edition }) => !isDropped || served.has(edition))
    .map((one) => ({
      ...{ edition: one.edition, rule: one.rule },
      widthsUs: one.widthsUs,
      isServed: served.has(one.edition),
      isFolding:
        one.candidate !== undefined && (folding.has(one.candidate) || one.begun < one.partitions),
      openFromUs: openFromUs(one),
    }));
}

async function readFoldingCandidates(session: Session): Promise<Set<number>> {
  const folding = new Set<number>();
  for (const [candidate, jobs] of await readJobs(session)) {
    if (jobs.some(({ hasEnded, isClosed }) => !hasEnded && !isClosed)) folding.add(candidate);
  }
  return folding;
}
