import { ExponentialHistogram, HyperLogLog, PieceInputs, type Piece } from '@millrace/model';

/** What a rule asks for, as it stands in one piece of a window. */
export type WindowValues = Record<string, number>;

const SECOND_US = 1_000_000;
const QUANTILES = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

/** The aggregates of a rule, by name; those that nothing was folded for are left out. */
export function windowValues(piece: Piece, aggregates: readonly string[]): WindowValues {
  const values: WindowValues = {};
  for (const aggregate of aggregates) {
    for (const [name, value] of valuesOf(piece, aggregate)) {
      if (value !== undefined) values[name] = value;
    }
  }
  return values;
}

function valuesOf(piece: Piece, aggregate: string): [name: string, value: number | undefined][] {
  const { count, sum, increase, widthUs } = piece;
  switch (aggregate) {
    case 'count':
    case 'sum':
    case 'min':
    case 'max':
    case 'first':
    case 'last':
    case 'increase':
      return [[aggregate, piece[aggregate]]];
    case 'avg':
      return [[aggregate, sum === undefined ? undefined : sum / count]];
    case 'rate':
      return [[aggregate, increase === undefined ? undefined : increase / (widthUs / SECOND_US)]];
    case 'quantile':
      return quantilesOf(piece.histogram);
    case 'sum_last':
    case 'avg_last':
    case 'count_series':
      return [[aggregate, lastOf(piece.inputs, aggregate)]];
    default:
      return [[aggregate, distinctOf(piece.distinct)]];
  }
}

function quantilesOf(bytes: Uint8Array | undefined): [name: string, value: number | undefined][] {
  if (bytes === undefined) return [];
  const histogram = ExponentialHistogram.decode(bytes);
  return QUANTILES.map(([name, q]) => [name, histogram.quantile(q)]);
}

function lastOf(
  bytes: Uint8Array | undefined,
  aggregate: 'sum_last' | 'avg_last' | 'count_series',
): number | undefined {
  if (bytes === undefined) return undefined;
  const inputs = PieceInputs.decode(bytes);
  if (aggregate === 'count_series') return inputs.count();
  return aggregate === 'sum_last' ? inputs.sumLast() : inputs.avgLast();
}

function distinctOf(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined ? undefined : HyperLogLog.decode(bytes).estimate();
}
