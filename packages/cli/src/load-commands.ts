import type { Command } from 'commander';
import type { CliContext } from './cli-context.ts';

export type AddCommand = (program: Command, context: CliContext) => void;

/**
 * In the order in which they are shown. Each is loaded when it is the one: all of them together,
 * with what they use, take longer to load than most take to run.
 */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import('./commands/up.ts')).addUpCommand,
  run: async () => (await import('./commands/run.ts')).addRunCommand,
  sql: async () => (await import('./commands/sql.ts')).addSqlCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  lag: async () => (await import('./commands/lag.ts')).addLagCommand,
  ledger: async () => (await import('./commands/ledger.ts')).addLedgerCommand,
  dead: async () => (await import('./commands/dead.ts')).addDeadCommand,
  unverified: async () => (await import('./commands/unverified.ts')).addUnverifiedCommand,
  retention: async () => (await import('./commands/retention.ts')).addRetentionCommand,
  health: async () => (await import('./commands/health.ts')).addHealthCommand,
  rules: async () => (await import('./commands/rules.ts')).addRulesCommand,
  explain: async () => (await import('./commands/explain.ts')).addExplainCommand,
  preview: async () => (await import('./commands/preview.ts')).addPreviewCommand,
  reprocess: async () => (await import('./commands/reprocess.ts')).addReprocessCommand,
  edition: async () => (await import('./commands/edition.ts')).addEditionCommand,
  backfill: async () => (await import('./commands/backfill.ts')).addBackfillCommand,
  audit: async () => (await import('./commands/audit.ts')).addAuditCommand,
  replay: async () => (await import('./commands/replay.ts')).addReplayCommand,
  checkpoint: async () => (await import('./commands/checkpoint.ts')).addCheckpointCommand,
  archive: async () => (await import('./commands/archive.ts')).addArchiveCommand,
  config: async () => (await import('./commands/config.ts')).addConfigCommand,
  setup: async () => (await import('./commands/setup.ts')).addSetupCommand,
};

/** What has no file of its own. */
const BUILT_IN: readonly (string | undefined)[] = ['version', '--version', '-V'];

/** The command of this name; of any other word all of them: to be shown, or to be guessed from. */
export async function loadCommands(word: string | undefined): Promise<AddCommand[]> {
  if (BUILT_IN.includes(word)) return [];
  const named = word !== undefined && Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (named !== undefined) return [await named()];
  return await Promise.all(Object.values(commands).map((load) => load()));
}
