import { unaccounted } from '@millrace/model';
import {
  ledgerReport,
  type LedgerPosition,
  type LedgerReport,
  type LedgerRow,
} from '../../ledger-report.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { runQuery, type RunQuerySettings } from '../connection/run-query.ts';
import { statementText } from '../connection/statement-text.ts';

type StoredCounts = Omit<LedgerRow, 'deadLetter' | 'droppedBy' | 'deadLetterBy' | 'unaccounted'> & {
  dead_letter: number;
};

interface StoredReason {
  tenant: string;
  partition: number;
  disposition: 'dropped' | 'dead_letter';
  reason: string;
  samples: number;
}

/** The ledger as it is published. @throws StoreError when the database cannot be asked. */
export async function readLedger(
  connection: PostgresConnection,
  limits: Partial<RunQuerySettings> = {},
): Promise<LedgerReport> {
  const { rows } = await runQuery(connection, statementText('read-ledger'), limits);
  const [counts, reasons, positions] = rows[0] as [
    StoredCounts[],
    StoredReason[],
    LedgerPosition[],
  ];
  const by = (row: StoredCounts, disposition: StoredReason['disposition']) =>
    Object.fromEntries(
      reasons
        .filter((one) => one.tenant === row.tenant && one.partition === row.partition)
        .filter((one) => one.disposition === disposition)
        .map(({ reason, samples }) => [reason, samples]),
    );
  const known = counts.map((row): LedgerRow => {
    const { dead_letter: deadLetter, ...rest } = row;
    const totals = { ...rest, deadLetter };
    return {
      ...totals,
      droppedBy: by(row, 'dropped'),
      deadLetterBy: by(row, 'dead_letter'),
      unaccounted: unaccounted(totals),
    };
  });
  return ledgerReport(known, positions);
}
