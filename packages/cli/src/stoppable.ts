import { listenForShutdown } from '@millrace/runtime';

/** With the signal of a person who does not want to wait. */
export async function stoppable<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const shutdown = listenForShutdown();
  try {
    return await act(shutdown.signal);
  } finally {
    shutdown.dispose();
  }
}
