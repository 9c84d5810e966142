import type { CliContext } from './cli-context.ts';
import { receiverUrl, sendAcknowledged } from './receiver-client.ts';
import { storeConnection } from './store-connection.ts';

export interface AcknowledgeFlags {
  json?: boolean;
  note?: string;
  url?: string;
  dataDir?: string;
}

const START = 'Start it with "millrace up".';

/** Tells the log that a person has seen what it lost, as the store's ledger says it now. */
export async function acknowledgeLosses(
  context: CliContext,
  flags: AcknowledgeFlags,
): Promise<void> {
  const { output } = context;
  const connection = await storeConnection(context, flags.dataDir);
  const { readLosses } = await import('@millrace/store/postgres');
  const losses = await readLosses(connection);
  const { note = '' } = flags;
  if (losses.length > 0) {
    const url = await receiverUrl(context, flags, START);
    await sendAcknowledged(url, { losses, note });
  }
  if (flags.json === true) {
    output.result(JSON.stringify({ losses, note }, undefined, 2));
    return;
  }
  if (losses.length === 0) {
    output.result('The log has lost nothing, so there is nothing to acknowledge.');
    return;
  }
  for (const { partition, samples } of losses) {
    output.result(`Acknowledged: ${samples} samples that partition ${partition} has lost.`);
  }
  output.notice('The ledger keeps its counts. Readiness names what is lost beyond these only.');
}
