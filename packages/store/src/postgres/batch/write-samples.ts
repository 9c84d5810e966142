import type { ApplySettings, BatchPlan, Packing } from './batch-plan.ts';
import { StoreError, StoreErrorCode } from '../../store-error.ts';
import { insertAll, insertRows, type RefusedRow } from '../connection/row-set.ts';
import { encodePackedCopy } from '../samples/packed-copy.ts';
import { samplesOfPacks, type Packs } from '../samples/pack-samples.ts';
import { orderBySeries } from '../samples/sample-copy.ts';
import { headVersion } from '../samples/sample-heads.ts';
import type { Placement } from '../samples/sample-placement.ts';
import { isBacklog, sampleRowSet } from '../samples/sample-rows.ts';
import type { Session } from '../connection/session.ts';

/** The head is not what it was believed to be: nothing was changed, and it has to be read again. */
export class HeadMoved extends StoreError {
  constructor(partition: number) {
    super({
      code: StoreErrorCode.busy,
      kind: 'transient',
      message:
        `What waits to be packed of partition ${partition} is changed by others again and again. ` +
        'Nothing is lost: the log keeps what is not stored yet, and it is applied again.',
      remedy: 'Look who changes samples_head; work goes on by itself.',
    });
  }
}

/**
 * Packs are refused and their samples have no range of `samples_narrow` to go to: nothing was
 * changed. Ranges are not made beforehand: mostly none is refused, and each is one more part to
 * look through for every query.
 */
export class NarrowTimesMissing extends StoreError {
  readonly times: Float64Array;

  constructor(times: Float64Array) {
    super({
      code: StoreErrorCode.busy,
      kind: 'transient',
      message:
        'Packed samples are refused, other ones at each attempt. ' +
        'Nothing is lost: the log keeps what is not stored yet, and it is applied again.',
      remedy: 'Look at the constraints and triggers of samples_packed; work goes on by itself.',
    });
    this.times = times;
  }
}

/**
 * Makes sure that the head is what is known of it, and stays so until the end of the transaction.
 * A batch that does not touch it need not know.
 */
export async function lockHead(
  session: Session,
  { batch, samples }: BatchPlan,
  packing: Packing | undefined,
): Promise<void> {
  if (packing === undefined) return;
  const { head, placement } = packing;
  const isTouched =
    placement.kind === 'packed' || samples.verified.length + samples.unverified.length > 0;
  if (!isTouched) return;
  const next = headVersion();
  const { partition } = batch.key;
  const { count } = await session.run('move-head', [partition, head.version, next]);
  if (count !== 1) throw new HeadMoved(partition);
  head.version = next;
}

/** Every verified sample of the batch into one of three tables. */
export function writeVerifiedSamples(
  session: Session,
  plan: BatchPlan,
  settings: ApplySettings,
): Promise<RefusedRow[]> {
  const { packing, isolate, writer } = settings;
  const { samples, verified: rows } = plan.samples;
  const { partition } = plan.batch.key;
  if (packing === undefined) return writeNarrow(session, plan, settings);
  if (packing.placement.kind === 'packed') {
    return pack({ session, partition, packing, settings }, packing.placement);
  }
  const ordered = orderBySeries(samples, rows);
  const set = sampleRowSet({ samples, rows: ordered, counted: 'stored', partition, writer });
  return insertRows(session, set, isolate);
}

/** Where the database itself turns rows into columns, or has no use for packed ones. */
async function writeNarrow(
  session: Session,
  { samples: { samples, verified } }: BatchPlan,
  { backlogCopySetting, isolate, writer }: ApplySettings,
): Promise<RefusedRow[]> {
  const rows = orderBySeries(samples, verified);
  if (backlogCopySetting !== undefined && isBacklog(samples, rows)) {
    await session.command(`SET LOCAL ${backlogCopySetting}`);
  }
  const set = { samples, rows, counted: 'stored', partition: undefined, writer } as const;
  return insertRows(session, sampleRowSet(set), isolate);
}

/** INVARIANT: a sample leaves the head in the transaction that packs it. */
async function pack(
  params: Readonly<{
    session: Session;
    partition: number;
    packing: Packing;
    settings: ApplySettings;
  }>,
  { packs, emptied }: Extract<Placement, { kind: 'packed' }>,
): Promise<RefusedRow[]> {
  const { session, partition, packing, settings } = params;
  if (emptied > 0) {
    const { count } = await session.run('empty-head', [partition]);
    if (count !== emptied) throw new HeadMoved(partition);
  }
  const refused = await insertPacks(session, packs, { ...settings, packing });
  packing.head.samples.clear();
  packing.head.sinceUs = undefined;
  return refused;
}

/** What is refused in its packed form is written row by row, so that only bad rows are left out. */
async function insertPacks(
  session: Session,
  packs: Packs,
  { isolate, writer, packing }: ApplySettings & Readonly<{ packing: Packing }>,
): Promise<RefusedRow[]> {
  const insert = async (_session: Session, from: number, to: number): Promise<[]> => {
    await session.copy('copy-samples-packed', encodePackedCopy(writer, packs, from, to));
    return [];
  };
  const set = { count: packs.count, rowsMax: PACKS_MAX, insert };
  const faults = await insertAll(session, set, isolate);
  if (faults.length === 0) return [];
  const samples = samplesOfPacks(
    packs,
    faults.map(({ row }) => row),
  );
  const known = new Set(packing.narrowTimes);
  if (!samples.times.every((timeUs) => known.has(timeUs)))
    throw new NarrowTimesMissing(samples.times);
  const all = Uint32Array.from(samples.times.keys());
  const narrow = { samples, rows: all, counted: 'stored', partition: undefined, writer } as const;
  return insertRows(session, sampleRowSet(narrow), true);
}

const PACKS_MAX = 50_000;
