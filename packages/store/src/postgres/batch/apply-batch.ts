import type { TimeUs } from '@millrace/model';
import type { Entries, LedgerEntry } from '@millrace/wire';
import type { ApplyResult, StoreBatch } from '../../store.ts';
import { timeParameter } from '../connection/array-parameters.ts';
import type { ApplySettings, BatchPlan } from './batch-plan.ts';
import { definitionRowSet, metadataRowSet } from '../series/definition-rows.ts';
import { editionEndRowSet, editionRowSet, jobEndRowSet } from '../editions/edition-rows.ts';
import {
  countReasons,
  insertDeadLetters,
  isCounted,
  moveCounts,
  movesOf,
  setTotals,
  type Move,
} from './ledger-rows.ts';
import { insertRows, type RefusedRow, type RowSet } from '../connection/row-set.ts';
import {
  absentHistograms,
  deadLetterOf,
  exemplarRowSet,
  histogramRowSet,
  isUnverified,
  unverifiedRowSet,
} from '../samples/sample-entry-rows.ts';
import { absentSamples, sampleRowSet, untimelyRowSet } from '../samples/sample-rows.ts';
import { lockHead, writeVerifiedSamples } from './write-samples.ts';
import type { Session } from '../connection/session.ts';
import { finalRowSet, openRowSet } from '../windows/window-rows.ts';

const OUTRUN: ApplyResult = { outcome: 'outrun', deadLetters: 0, unverifiedDuplicates: 0 };

/**
 * The whole batch in one transaction. INVARIANT: moving the mark is its first statement. It
 * locks the mark's row, so that of two writers the second waits and then finds the mark moved;
 * and it takes its snapshot before anything was read.
 */
export async function applyBatch(
  session: Session,
  plan: BatchPlan,
  settings: ApplySettings,
): Promise<ApplyResult> {
  let result: ApplyResult;
  try {
    // Both in one message. The guard reads no table, so it takes no snapshot.
    await session.command(settings.guard === undefined ? 'BEGIN' : `BEGIN; ${settings.guard}`);
    if (!(await moveMark(session, plan.batch, plan.entries.ledger.at(-1)))) {
      await session.command('ROLLBACK');
      return OUTRUN;
    }
    await lockHead(session, plan, settings.packing);
    result = await writeEntries(session, plan, settings);
  } catch (error) {
    // The connection may be what broke; its error is not the one worth telling.
    await session.command('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await session.command('COMMIT');
  return result;
}

async function moveMark(
  session: Session,
  batch: StoreBatch,
  ledger: LedgerEntry | undefined,
): Promise<boolean> {
  const { key, from, to, folded } = batch;
  const time = (timeUs: TimeUs | undefined) => timeParameter(timeUs);
  const { count } = await session.run('move-mark', [
    ...[key.logId, key.partition, key.source],
    ...[from.offset, from.ordinal, to.offset, to.ordinal],
    ledger?.position ?? null,
    time(ledger?.partitionTimeUs),
    time(ledger?.watermarkUs),
    ...[folded?.offset ?? null, folded?.digest ?? null],
  ]);
  return count === 1;
}

async function writeEntries(
  session: Session,
  plan: BatchPlan,
  settings: ApplySettings,
): Promise<ApplyResult> {
  const { key } = plan.batch;
  const { entries } = plan;
  const { inputsOid, copiesWindows, isStaging, writer } = settings;
  const contextIf = (isCopying: boolean) => {
    const copyWriter = isCopying ? writer : undefined;
    return { partition: key.partition, inputsOid, copyWriter };
  };
  const refused: RefusedRow[] = [];
  const write = async (rows: RowSet): Promise<RefusedRow[]> => {
    const some = await insertRows(session, rows, settings.isolate);
    refused.push(...some);
    return some;
  };
  // Definitions first: what is moved in the ledger below looks up its tenant there.
  await write(definitionRowSet(entries.definitions, writer));
  // Before what follows them: where they end is where that is shown at the latest.
  await write(editionEndRowSet(entries.editionEnds, key));
  await write(editionRowSet(entries.editions, key));
  await write(metadataRowSet(entries.metadata));
  await write(untimelyRowSet(plan.samples));
  refused.push(...(await writeVerifiedSamples(session, plan, settings)));
  const moves = [
    ...(await writeUnverifiedSamples({ session, plan, settings, write })),
    ...(await writeHistograms(session, entries.histograms, write)),
  ];
  await write(exemplarRowSet(entries.exemplars));
  await write(finalRowSet(plan.finals, contextIf(copiesWindows)));
  await write(openRowSet(plan.open, contextIf(isStaging)));
  await endJobs(session, plan, write);
  await write(unverifiedRowSet(entries.unverified, key.partition));
  const told = entries.deadLetters.map(deadLetterOf);
  await insertDeadLetters(session, key, [...told, ...refused]);
  await setTotals(session, key, entries.ledger);
  await moveCounts(session, key, [...moves, ...movesOf(refused)]);
  await countReasons(session, key, [...told, ...refused.filter(isCounted)]);
  const duplicates = moves.filter(({ move }) => move === 'unverified_to_duplicate').length;
  return {
    outcome: 'applied',
    deadLetters: refused.length,
    ...(refused.length === 0 ? {} : { deadLettersBy: countedBy(refused) }),
    unverifiedDuplicates: duplicates,
  };
}

/** What a job puts out last closes its mark: nothing can follow it, whoever runs it again. */
async function endJobs(
  session: Session,
  { batch, entries }: BatchPlan,
  write: Write,
): Promise<void> {
  const { logId, partition, source } = batch.key;
  if (entries.jobEnds.length === 0) return;
  await write(jobEndRowSet(entries.jobEnds, batch.key));
  await session.run('end-mark', [logId, partition, source]);
}

function countedBy(refused: readonly RefusedRow[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { reason } of refused) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return Object.fromEntries(counts);
}

type Write = (rows: RowSet) => Promise<RefusedRow[]>;

async function writeUnverifiedSamples(
  params: Readonly<{ session: Session; plan: BatchPlan; settings: ApplySettings; write: Write }>,
): Promise<Move[]> {
  const { session, plan, settings, write } = params;
  const { samples } = plan.samples;
  const { partition } = plan.batch.key;
  const { packing } = settings;
  const { absent, present } = await absentSamples(session, plan.samples);
  const refused = await write(
    sampleRowSet({
      samples,
      rows: absent,
      counted: 'unverified',
      partition: packing === undefined ? undefined : partition,
      writer: settings.writer,
    }),
  );
  packing?.head.samples.add(samples, absent);
  const idOf = (row: number) => samples.seriesIds.slice(row * 8, row * 8 + 8);
  return movesOfUnverified({
    absent: Array.from(absent, idOf),
    present: Array.from(present, idOf),
    refused,
  });
}

async function writeHistograms(
  session: Session,
  entries: Entries['histograms'],
  write: Write,
): Promise<Move[]> {
  await write(
    histogramRowSet(
      entries.filter((entry) => !isUnverified(entry)),
      'stored',
    ),
  );
  const { absent, present } = await absentHistograms(session, entries.filter(isUnverified));
  const refused = await write(histogramRowSet(absent, 'unverified'));
  return movesOfUnverified({
    absent: absent.map(({ fingerprint }) => fingerprint),
    present: present.map(({ fingerprint }) => fingerprint),
    refused,
  });
}

/** Of what was absent, the refused rows are moved on their own. */
function movesOfUnverified(
  params: Readonly<{ absent: Uint8Array[]; present: Uint8Array[]; refused: RefusedRow[] }>,
): Move[] {
  const { absent, present, refused } = params;
  const left = new Map<string, number>();
  for (const { series } of refused) {
    const id = idText(series!);
    left.set(id, (left.get(id) ?? 0) + 1);
  }
  const stored = absent.filter((series) => {
    const refusals = left.get(idText(series)) ?? 0;
    if (refusals > 0) left.set(idText(series), refusals - 1);
    return refusals === 0;
  });
  return [
    ...stored.map((series): Move => ({ series, move: 'unverified_to_stored' })),
    ...present.map((series): Move => ({ series, move: 'unverified_to_duplicate' })),
  ];
}

function idText(series: Uint8Array): string {
  return Buffer.from(series.subarray(0, 8)).toString('hex');
}
