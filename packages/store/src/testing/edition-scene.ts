import { pieceName, type Piece } from '@millrace/model';
import type { EditionEntry, Entries } from '@millrace/wire';
import type { EditionStore } from '../edition-store.ts';
import type { Store } from '../store.ts';
import { addressOf, batchOf, definitionOf, keyOf, NOON_US, pieceOf, SECOND_US } from './entries.ts';
import type { StoreHarness } from './store-contents.ts';

export const MINUTE_US: number = 60 * SECOND_US;
export const HOUR_US: number = 60 * MINUTE_US;
/** Partitions of the scene. */
export const PARTITIONS = 2;

/** Times are microseconds after noon. */
export const at = (us: number): number => NOON_US + us;

/** A store that is fed with what two partitions put out, batch by batch. */
export interface EditionScene {
  /** Applies entries of the live source, or of a job. */
  put(partition: number, entries: Partial<Entries>, source?: string): Promise<void>;
  /** Editions that both partitions begin at once. */
  begin(...editions: EditionEntry[]): Promise<void>;
  /** Ends the jobs of a candidate in some partitions. */
  endJobs(
    candidate: number,
    fromUs: Record<number, number[]>,
    partitions?: number[],
  ): Promise<void>;
  /** Every window that ends by then is complete. */
  watermark(us: number): Promise<void>;
}

export function editionOf(
  edition: number,
  rule: string,
  more: Partial<EditionEntry> & { fromUs?: number } = {},
): EditionEntry {
  const { fromUs = -NOON_US, ...rest } = more;
  return {
    ...{ edition, rule, definition: '{}', widthsUs: [5 * MINUTE_US], aggregates: ['sum'] },
    ...{ fromPosition: 100, fromPartitionTimeUs: at(fromUs), fromLargestTimeUs: at(fromUs) },
    ...{ partitions: PARTITIONS, ...rest },
  };
}

/** A final piece that starts so long after noon. */
export function windowOf(
  edition: number,
  startUs: number,
  { instance = 'a', ...more }: Partial<Piece> & { instance?: string } = {},
): Piece {
  return pieceOf({
    ...{ edition, startUs: at(startUs), widthUs: 5 * MINUTE_US, sum: edition, count: 1 },
    ...{ fingerprint: definitionOf('m', { instance }).fingerprint, piece: pieceName(1, 10) },
    ...more,
  });
}

export async function openScene(store: Store): Promise<EditionScene> {
  const reached = new Map<string, number>();
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    await store.openMark(keyOf({ partition }));
  }
  const put: EditionScene['put'] = async (partition, entries, source = 'live') => {
    const name = `${partition} ${source}`;
    const offset = reached.get(name) ?? 0;
    const key = { partition, source };
    if (offset === 0) await store.openMark(keyOf(key));
    const range = { from: addressOf(offset), to: addressOf(offset + 1), key };
    const { outcome, deadLetters } = await store.apply(batchOf(range, entries));
    if (outcome !== 'applied' || deadLetters > 0) throw new Error(`${outcome} ${deadLetters}`);
    reached.set(name, offset + 1);
  };
  const everywhere = async (act: (partition: number) => Promise<void>): Promise<void> => {
    for (let partition = 0; partition < PARTITIONS; partition += 1) await act(partition);
  };
  return {
    put,
    begin: (...editions) => everywhere((partition) => put(partition, { editions })),
    endJobs: async (candidate, fromUs, partitions = [0, 1]) => {
      const editions = Object.entries(fromUs).map(([edition, us]) => {
        return { edition: Number(edition), fromUs: us.map(at) };
      });
      const jobEnds = [{ candidate, position: 100, partitions: PARTITIONS, editions }];
      for (const partition of partitions) await put(partition, { jobEnds }, `job-${candidate}`);
    },
    watermark: (us) =>
      everywhere(async (partition) => {
        const watermarkUs = at(us);
        const partitionTimeUs = watermarkUs + MINUTE_US;
        const ledger = [{ totals: [], partitionTimeUs, watermarkUs, position: 200 }];
        await put(partition, { ledger });
      }),
  };
}

/** What is open while a test runs. */
export interface EditionSubject {
  store: ReturnType<StoreHarness['open']>;
  editions: EditionStore;
  scene: EditionScene;
  upkeep(): Promise<void>;
}

/** `[edition, from, until]` of a rule, in microseconds after noon. */
export async function servedOf(
  { editions }: EditionSubject,
  rule: string,
): Promise<[number, number, number][]> {
  const list = await editions.list();
  const ranges = list.editions.flatMap((one) =>
    one.rule !== rule
      ? []
      : one.served.map(({ fromUs, untilUs }): [number, number, number] => {
          return [one.edition, fromUs - at(0), untilUs - at(0)];
        }),
  );
  return ranges.sort((a, b) => a[1] - b[1]);
}

/** A rule in force, and a candidate whose jobs fold the last two hours before noon into it. */
export async function beginCandidate({ scene }: EditionSubject): Promise<void> {
  await scene.begin(editionOf(7, 'r'), editionOf(8, 'old'));
  await scene.begin(editionOf(41, 'r', { candidate: 40, fromUs: 0 }));
  await scene.watermark(HOUR_US);
}
