import { silentLog } from '@millrace/runtime';
import type { EditionStore } from '@millrace/store';
import type { CliContext } from '../cli-context.ts';
import { receiverUrl, type ReceiverFlags } from '../receiver-client.ts';
import { storeConnection } from '../store-connection.ts';

/** Log and store: what changes rules is with the one, what is shown with the other. */
export interface Editions {
  /** Of a receiver. */
  url: string;
  store: EditionStore;
}

const START = 'Start it with "millrace up".';

/** Runs with both; whatever it is, nothing is left open. */
export async function withEditions<T>(
  context: CliContext,
  flags: ReceiverFlags,
  doing: (editions: Editions) => Promise<T>,
): Promise<T> {
  const url = await receiverUrl(context, flags, START);
  const connection = await storeConnection(context, flags.dataDir);
  const { createPostgresEditionStore } = await import('@millrace/store/postgres');
  const store = createPostgresEditionStore({ connection, log: silentLog });
  try {
    return await doing({ url, store });
  } finally {
    await store.close();
  }
}
