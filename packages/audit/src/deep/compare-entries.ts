import { logNumberOf } from '@millrace/model';
import type { StoredPiece } from '@millrace/store';
import type { RoundParams } from '../plain-round.ts';
import { collectEntries } from '../replay/collect-differences.ts';
import type { DeepParts, Expectations } from './deep-parts.ts';
import {
  tellEditions,
  tellExemplars,
  tellMetadata,
  tellServed,
  tellUnverified,
} from './tell-beside.ts';
import { tellMissingLetters } from './tell-letters.ts';
import { hasOtherDefinitions, tellDefinitions, tellPieces } from './tell-entries.ts';

/** Rows that were compared, and what could not be proven of them. */
interface Compared {
  rows: Record<string, number>;
  notProven: string[];
}

/** Holds all that is no sample against what is stored, and tells what differs. */
export async function compareEntries(
  parts: DeepParts,
  params: RoundParams,
  known: Readonly<{ expected: Expectations; exactFromUs: readonly number[] }>,
): Promise<Compared> {
  const { snapshot } = parts;
  const { expected, exactFromUs } = known;
  const { pieces, definitions, unverified, letters } = expected;
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
  const { differences } = parts;
  if (differences !== undefined) {
    const hasOthers = hasOtherDefinitions(parts);
    await collectEntries(parts, differences, { expected, hasOthers });
  }
  await tellPieces(parts, pieces, params.findings);
  await tellDefinitions(parts, definitions, params.findings);
  tellUnverified(unverified, parts, params.findings);
  tellMissingLetters(letters, params.findings);
  const beside = await compareBeside(parts, params, known);
  const rows = {
    ...{ pieces: pieces.rows, definitions: definitions.rows },
    ...{ unverified: unverified.rows, letters: letters.rows },
  };
  return { ...beside, rows: { ...rows, ...beside.rows } };
}

/** What is neither sample nor window nor series. */
async function compareBeside(
  parts: DeepParts,
  params: RoundParams,
  { expected, exactFromUs }: Parameters<typeof compareEntries>[2],
): Promise<Compared> {
  const { plan, starts, snapshot, stream, letters } = parts;
  const { exemplars, metadata, editions } = expected;
  const { findings, round } = params;
  const isWhole = (partition: number): boolean => exactFromUs[partition] === -Infinity;
  const isAllWhole = exactFromUs.every((_, partition) => isWhole(partition));
  const slice = { slices: params.rounds, slice: round };
  for await (const rows of snapshot.exemplars({ ...slice, fromUs: -Infinity, untilUs: Infinity })) {
    for (const row of rows) exemplars.compare(row, isAllWhole);
  }
  tellExemplars(exemplars, letters, findings);
  // They are few, and in no slice.
  if (round > 0) return { rows: { exemplars: exemplars.rows }, notProven: [] };
  for await (const rows of snapshot.metadata()) {
    for (const row of rows) metadata.compare(row, stream.partitions, isWhole);
  }
  const notProven = tellMetadata(metadata, letters.metadataOf, findings);
  const stored = await snapshot.editions();
  const fromOf = (at: Readonly<{ logId: string; partition: number }>): number | undefined => {
    const i = plan.partitions.findIndex(({ partition }) => partition === at.partition);
    return plan.partitions[i]?.logId === at.logId ? starts[i]!.position : undefined;
  };
  tellEditions(editions.compare(stored, { isWhole: isAllWhole, fromOf }), findings);
  notProven.push(...tellServed(stored, findings));
  return {
    rows: { exemplars: exemplars.rows, metadata: metadata.rows, editions: editions.rows },
    notProven,
  };
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
