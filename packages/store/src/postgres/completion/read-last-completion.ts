import type { CompletionCounts } from '../../completion-store.ts';
import type { PostgresConnection } from '../../postgres-connection.ts';
import { runQuery, type RunQuerySettings } from '../connection/run-query.ts';
import { statementText } from '../connection/statement-text.ts';

/** The newest run of complete mode. */
export interface LastCompletion extends CompletionCounts {
  run: number;
  isScheduled: boolean;
  startedMs: number;
  /** Undefined while it is under way, and when it was killed. */
  endedMs: number | undefined;
  /** Why it broke off; undefined: it did not. */
  problem: string | undefined;
}

/** Undefined: there was none yet. @throws StoreError when the store cannot be asked. */
export async function readLastCompletion(
  connection: PostgresConnection,
  limits: Partial<RunQuerySettings> = {},
): Promise<LastCompletion | undefined> {
  const { rows } = await runQuery(connection, statementText('read-last-completion'), limits);
  const [row] = rows as [
    ...[run: number, isScheduled: boolean, startedMs: number, endedMs: number | null],
    ...[marked: number, completed: number, notOver: number, notCompletable: number],
    problem: string | null,
  ][];
  if (row === undefined) return undefined;
  const [run, isScheduled, startedMs, endedMs, marked, completed, notOver, notCompletable] = row;
  return {
    ...{ run, isScheduled, startedMs, endedMs: endedMs ?? undefined },
    ...{ marked, completed, notOver, notCompletable, problem: row[8] ?? undefined },
  };
}
