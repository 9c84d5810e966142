import type { PostgresConnection } from '../../postgres-connection.ts';
import { runQuery } from '../connection/run-query.ts';
import { statementText } from '../connection/statement-text.ts';

/** Samples that one partition of the log has lost, as its ledger is published. */
export interface StoredLoss {
  partition: number;
  logId: string;
  samples: number;
}

/** Of the logs that the store goes on with. @throws StoreError when it cannot be asked. */
export async function readLosses(connection: PostgresConnection): Promise<StoredLoss[]> {
  const { rows } = await runQuery(connection, statementText('read-losses'));
  const losses = rows as [partition: number, logId: string, samples: number][];
  return losses.map(([partition, logId, samples]) => ({
    partition,
    logId,
    samples: Number(samples),
  }));
}
