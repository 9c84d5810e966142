import type {
  EditionList,
  EditionSize,
  ListedEdition,
  ListedPromotion,
  StartRange,
} from '../../edition-store.ts';
import { boundParameter } from '../connection/array-parameters.ts';
import { readEditionFacts, readJobs, readServed, wholeFromUs } from './edition-facts.ts';
import { promotionOf, type PromotionRow } from './read-editions.ts';
import type { Session } from '../connection/session.ts';

const EVER: StartRange = { fromUs: -Infinity, untilUs: Infinity };

/** See `EditionStore.list`; in a transaction that sees one moment. */
export async function listEditions(session: Session, withSizes: boolean): Promise<EditionList> {
  const facts = await readEditionFacts(session);
  const served = await readServed(session);
  const numbers = facts.map(({ edition }) => edition);
  const sizes = withSizes ? await readSizes(session, numbers, EVER) : undefined;
  const editions = facts.map((one): ListedEdition => {
    const { pastUs: _pastUs, reachedUs: _reachedUs, ...rest } = one;
    const wholeUs = wholeFromUs(one);
    const size = sizes && sizeOf(sizes, one.edition);
    return {
      ...rest,
      served: served
        .filter(({ edition }) => edition === one.edition)
        .map(({ fromUs, untilUs }) => ({ fromUs, untilUs })),
      whole: one.widthsUs.map((widthUs, i) => ({ widthUs, fromUs: wholeUs[i] })),
      ...(size === undefined ? {} : { size }),
    };
  });
  return { editions, promotions: await readPromotions(session), jobs: await readJobs(session) };
}

/** By edition, of windows that start in the range; those of which there is nothing are missing. */
export async function readSizes(
  session: Session,
  editions: readonly number[],
  { fromUs, untilUs }: StartRange,
): Promise<Map<number, EditionSize>> {
  const range = [boundParameter(fromUs), boundParameter(untilUs)];
  const { rows } = await session.run<EditionSize & { edition: string }>('read-edition-sizes', [
    editions,
    ...range,
  ]);
  return new Map(
    rows.map(({ edition, rows: pieces, series, bytes }) => {
      return [Number(edition), { rows: pieces, series, bytes }];
    }),
  );
}

export function sizeOf(sizes: ReadonlyMap<number, EditionSize>, edition: number): EditionSize {
  return sizes.get(edition) ?? { rows: 0, series: 0, bytes: 0 };
}

async function readPromotions(session: Session): Promise<ListedPromotion[]> {
  const { rows } = await session.run<PromotionRow>('read-promotions');
  const promotions = new Map<number, ListedPromotion>();
  for (const row of rows) {
    const { version, rule, edition, fromUs } = promotionOf(row);
    const promotedAtUs = row.promoted_us;
    const known = promotions.get(version) ?? { version, promotedAtUs, rules: [] };
    known.rules.push({ rule, edition, fromUs });
    promotions.set(version, known);
  }
  return [...promotions.values()];
}
