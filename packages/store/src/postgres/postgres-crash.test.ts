import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@millrace/runtime';
import { vi } from 'vitest';
import { superviseEmbeddedPostgres } from '../embedded/supervise-embedded-postgres.ts';
import { migratePostgres } from './layout/migrate.ts';
import { createPostgresStore } from './postgres-store.ts';
import { describeCrashes } from './testing/describe-crashes.ts';

describeCrashes('PostgreSQL', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  await chmod(directory, 0o755);
  const postgres = await superviseEmbeddedPostgres({ directory, log: silentLog });
  const { connection } = postgres;
  await migratePostgres({ connection, log: silentLog });
  return {
    connection,
    openStore: createPostgresStore,
    crash: async () => {
      const { pid, restarts } = postgres;
      process.kill(pid!, 'SIGKILL');
      await vi.waitUntil(() => postgres.isRunning && postgres.restarts === restarts + 1, {
        timeout: 20_000,
        interval: 10,
      });
    },
    stop: async () => {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
