import { createBackoff, errorText, systemClock } from '@millrace/runtime';
import type { PostgresConnection } from '../postgres-connection.ts';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresParams,
} from './embedded-postgres.ts';

/** An embedded PostgreSQL that is started again whenever it ends without having been asked. */
export interface SupervisedPostgres {
  readonly connection: PostgresConnection;
  readonly socketDirectory: string;
  /** Undefined while none is running. */
  readonly pid: number | undefined;
  readonly isRunning: boolean;
  /** How many times it was started again. */
  readonly restarts: number;
  /** Ends it, or the attempts to start it, for good. */
  stop(): Promise<void>;
}

const BACKOFF = { delayMsMin: 100, delayMsMax: 10_000 };
/** One that has run for so long is healthy: if it ends now, that is a new story. */
const HEALTHY_US = 60_000_000;

/**
 * Starts one and keeps one running. Rejects when the first start fails; later failures are
 * logged and tried again for ever, at a bounded rate. Meanwhile connections fail as transient.
 */
export async function superviseEmbeddedPostgres(
  params: EmbeddedPostgresParams,
): Promise<SupervisedPostgres> {
  const { log } = params;
  const clock = params.clock ?? systemClock;
  const first = await startEmbeddedPostgres(params);
  const stopping = new AbortController();
  let current: EmbeddedPostgres | undefined = first;
  let restarts = 0;

  const startAgain = async (): Promise<EmbeddedPostgres | undefined> => {
    for (;;) {
      if (!(await pause())) return undefined;
      try {
        const postgres = await startEmbeddedPostgres({
          ...params,
          socketDirectory: first.socketDirectory,
        });
        restarts += 1;
        log.warn({ pid: postgres.pid, restarts }, 'PostgreSQL runs again');
        return postgres;
      } catch (error) {
        log.error({ error: errorText(error) }, 'PostgreSQL does not start again');
      }
    }
  };
  const backoff = createBackoff({ clock }, BACKOFF);
  const pause = async (): Promise<boolean> => {
    if (stopping.signal.aborted) return false;
    return backoff.wait(stopping.signal).then(
      () => true,
      () => false,
    );
  };
  const watch = async (): Promise<void> => {
    while (current !== undefined) {
      const startedUs = clock.nowUs();
      const end = await current.exited;
      current = undefined;
      if (stopping.signal.aborted) return;
      log.error({ ...end }, 'PostgreSQL ended by itself; samples wait in the log meanwhile');
      if (clock.nowUs() - startedUs > HEALTHY_US) backoff.reset();
      current = await startAgain();
      if (stopping.signal.aborted) await current?.stop();
    }
  };
  const watched = watch();
  return {
    connection: first.connection,
    socketDirectory: first.socketDirectory,
    get pid() {
      return current?.pid;
    },
    get isRunning() {
      return current !== undefined;
    },
    get restarts() {
      return restarts;
    },
    stop: async () => {
      stopping.abort();
      await current?.stop();
      await watched;
    },
  };
}
