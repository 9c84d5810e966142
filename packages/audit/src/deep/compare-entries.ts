import { logNumberOf } from '@millrace/model';
import type { StoredPiece } from '@millrace/store';
import type { RoundParams } from '../plain-round.ts';
import type { DeepParts, Expectations } from './deep-round.ts';
import { tellBeside, tellDefinitions, tellPieces } from './tell-entries.ts';

const HOUR_US = 3_600_000_000;

/** Holds all that is no sample against what is stored, and tells what differs. */
export async function compareEntries(
  parts: DeepParts,
  params: RoundParams,
  known: Readonly<{ expected: Expectations; exactFromUs: readonly number[] }>,
): Promise<Record<string, number>> {
  const { plan, settings, snapshot } = parts;
  const { expected, exactFromUs } = known;
  const { pieces, definitions, unverified } = expected;
  const slice = { slices: params.rounds, slice: params.round };
  const everything = { ...slice, fromUs: -Infinity, untilUs: Infinity };
  for await (const rows of snapshot.pieces(everything)) {
    parts.signal?.throwIfAborted();
    for (const piece of rows) {
      const openedFrom = openedFromOf(parts, piece);
      if (openedFrom !== undefined) pieces.compare(piece, openedFrom);
    }
  }
  for await (const rows of snapshot.definitions(everything)) {
    for (const row of rows) definitions.compare(row);
  }
  for await (const rows of snapshot.unverified(everything)) {
    for (const row of rows) unverified.compare(row, exactFromUs[row.partition] === -Infinity);
  }
  const { narrowRetentionMs, wideRetentionMs } = settings;
  const keptFromUs = (widthUs: number): number => {
    const retentionMs = widthUs < HOUR_US ? narrowRetentionMs : wideRetentionMs;
    return plan.newestWatermarkUs - retentionMs * 1000;
  };
  await tellPieces(parts, pieces, params.findings, keptFromUs);
  await tellDefinitions(parts, definitions, params.findings);
  tellBeside(unverified, params.findings);
  return { pieces: pieces.rows, definitions: definitions.rows, unverified: unverified.rows };
}

/** The first offset of which all pieces are known; undefined: nothing of the partition and log is. */
function openedFromOf(
  { plan, starts }: DeepParts,
  { partition, piece }: StoredPiece,
): number | undefined {
  const i = plan.partitions.findIndex((one) => one.partition === partition);
  const one = plan.partitions[i];
  return one?.logNumber === logNumberOf(piece) ? starts[i]!.position : undefined;
}
