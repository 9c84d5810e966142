import { formatLabels } from '@millrace/model';
import type { Findings } from '../findings.ts';
import type { ExpectedDefinitions } from './expected-definitions.ts';
import type { ExpectedPieces } from './expected-pieces.ts';
import type { DeepParts } from './deep-parts.ts';
import { describePiece, differentColumns } from './piece-text.ts';
import { putOutAgain } from './put-out-again.ts';

/** Pieces that differ are put out again, one of each kind: only their digests were kept. */
export async function tellPieces(
  parts: DeepParts,
  expected: ExpectedPieces,
  findings: Findings,
): Promise<void> {
  const { table, different, twice, unexpected } = expected;
  const place = (slot: number): { partition: number; offset: number } => ({
    partition: table.partitions[slot]!,
    offset: table.offsets[slot]!,
  });
  const first = different.kept.toSorted((a, b) => {
    return (
      table.partitions[a.slot]! - table.partitions[b.slot]! ||
      table.offsets[a.slot]! - table.offsets[b.slot]!
    );
  })[0];
  if (first !== undefined) {
    const { slot, row } = first;
    const again = await putOutAgain(parts, { pieces: { table, slots: new Set([slot]) } });
    const { piece, isFinal } = again.pieces.get(slot) ?? { piece: row, isFinal: row.isFinal };
    const columns = differentColumns({ ...piece, isFinal }, row);
    findings.add(
      'entry_differs',
      {
        ...{ ...place(slot), ...idOf(row.seriesId), ...columns },
        message:
          `A ${describePiece(row, row.seriesId)} (partition ${row.partition}) is stored with ` +
          `${columns.found}; the log says ${columns.expected}.`,
      },
      different.count,
    );
  }
  const again = twice.kept[0];
  if (again !== undefined) {
    const { slot, row } = again;
    findings.add(
      'entry_unexpected',
      {
        ...{ ...place(slot), ...idOf(row.seriesId) },
        message: `A ${describePiece(row, row.seriesId)} is stored more than once.`,
      },
      twice.count,
    );
  }
  const strange = unexpected.kept[0];
  if (strange !== undefined) {
    findings.add(
      'entry_unexpected',
      {
        ...{ partition: strange.partition, ...idOf(strange.seriesId) },
        message: `A ${describePiece(strange, strange.seriesId)} is stored; the log has no such.`,
      },
      unexpected.count,
    );
  }
  await tellMissing(parts, expected, findings);
}

async function tellMissing(
  parts: DeepParts,
  expected: ExpectedPieces,
  findings: Findings,
): Promise<void> {
  const missing = expected.missing();
  const [slot] = missing.kept;
  if (slot === undefined) return;
  const slots = new Set([slot]);
  const again = await putOutAgain(parts, { pieces: { table: expected.table, slots } });
  const put = again.pieces.get(slot);
  if (put === undefined) throw new Error('a piece was put out once, and not again');
  const { fingerprint } = put.piece;
  findings.add(
    'entry_missing',
    {
      partition: expected.table.partitions[slot]!,
      offset: expected.table.offsets[slot]!,
      ...idOf(fingerprint.subarray(0, 8)),
      message: `A ${describePiece(put.piece, fingerprint.subarray(0, 8))} is not stored.`,
      expected: put.isFinal ? 'final' : 'open',
    },
    missing.count,
  );
}

/** A store that went on from another log has its series too; other partitions put out the same. */
export function hasOtherDefinitions({ settings, plan }: DeepParts): boolean {
  return settings.partition !== undefined || plan.partitions.some((one) => one.hasOtherLogs);
}

export async function tellDefinitions(
  parts: DeepParts,
  expected: ExpectedDefinitions,
  findings: Findings,
): Promise<void> {
  const { table, different, unexpected } = expected;
  const hasOthers = hasOtherDefinitions(parts);
  const [first] = different.kept;
  if (first !== undefined && !hasOthers) {
    const { row, what, slot } = first;
    findings.add(
      'entry_differs',
      {
        ...{ partition: table.partitions[slot]!, offset: table.offsets[slot]! },
        ...{ tenant: row.tenant, series: formatLabels(row.labels) },
        ...idOf(row.fingerprint.subarray(0, 8)),
        message: `The definition of ${formatLabels(row.labels)} is not what the log says: ${what}.`,
      },
      different.count,
    );
  }
  const [strange] = unexpected.kept;
  if (strange !== undefined && !hasOthers) {
    const series = formatLabels(strange.labels);
    findings.add(
      'entry_unexpected',
      {
        ...{ tenant: strange.tenant, series, ...idOf(strange.fingerprint.subarray(0, 8)) },
        message: `A definition of ${series} is stored; the log has no such series.`,
      },
      unexpected.count,
    );
  }
  const missing = expected.missing();
  const [slot] = missing.kept;
  if (slot === undefined) return;
  const { high, low } = table.keyOf(slot);
  const seriesId = BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)).toString();
  findings.add(
    'entry_missing',
    {
      ...{ partition: table.partitions[slot]!, offset: table.offsets[slot]!, seriesId },
      message: `The definition of series ${seriesId} is not stored.`,
    },
    missing.count,
  );
}

export function idOf(seriesId: Uint8Array): { seriesId: string } {
  return { seriesId: Buffer.from(seriesId).readBigInt64BE().toString() };
}
