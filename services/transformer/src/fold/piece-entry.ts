import type { Piece } from '@millrace/model';
import { PieceField, type PieceMemory } from '../memory/piece-memory.ts';
import type { EditionPlan } from './edition-plan.ts';

/** A piece as an entry, with the columns its edition asks for. */
export function pieceEntry(pieces: PieceMemory, slot: number, plan: EditionPlan): Piece {
  const number = (field: number): number => pieces.field(slot, field);
  const when = (wanted: boolean, field: number): number | undefined =>
    wanted ? number(field) : undefined;
  // Without a time no value was folded: only increases, marks or histograms.
  const isFolded = Number.isFinite(number(PieceField.lastTimeUs));
  const first = plan.wantsFirst && isFolded;
  const last = plan.wantsLast && isFolded;
  return {
    edition: plan.edition,
    fingerprint: pieces.fingerprint(slot),
    widthUs: number(PieceField.widthUs),
    startUs: number(PieceField.startUs),
    piece: number(PieceField.name),
    count: number(PieceField.count),
    marked: pieces.isMarked(slot),
    sum: when(plan.wantsSum, PieceField.sum),
    min: when(plan.wantsMin && isFolded, PieceField.min),
    max: when(plan.wantsMax && isFolded, PieceField.max),
    first: when(first, PieceField.first),
    firstTimeUs: when(first, PieceField.firstTimeUs),
    last: when(last, PieceField.last),
    lastTimeUs: when(last, PieceField.lastTimeUs),
    increase: when(plan.wantsIncrease, PieceField.increase),
    histogram: pieces.histograms.get(slot)?.encode(),
    distinct: pieces.distincts.get(slot)?.encode(),
    inputs: pieces.inputs.get(slot)?.encode(),
  };
}
