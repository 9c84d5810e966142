import type { Command } from 'commander';
import { ofTenant } from '@millrace/store';
import type { CliContext } from '../cli-context.ts';
import type { AcknowledgeFlags } from '../acknowledge-losses.ts';
import { formatLedger } from '../ledger-text.ts';
import { storeConnection } from '../store-connection.ts';

interface LedgerFlags {
  json?: boolean;
  tenant?: string;
  dataDir?: string;
}

const OF_ONE_TENANT =
  "error: option '--tenant <name>' cannot be used with acknowledge: losses are acknowledged for " +
  'whole partitions, whoever owned the samples. Nothing was noted in the log; leave --tenant out.';

export function addLedgerCommand(program: Command, context: CliContext): void {
  const ledger = program
    .command('ledger')
    .description('show where every accepted sample went, and whether it adds up')
    .option('--tenant <name>', 'of one tenant only')
    .option('--json', 'print JSON, as GET /api/v1/ledger answers it')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async ({ json, tenant, dataDir }: LedgerFlags) => {
      const connection = await storeConnection(context, dataDir);
      const { readLedger } = await import('@millrace/store/postgres');
      const all = await readLedger(connection);
      const report = tenant === undefined ? all : ofTenant(all, tenant);
      const { output } = context;
      if (json === true) output.result(JSON.stringify(report, undefined, 2));
      else if (tenant !== undefined && report.rows.length === 0) {
        output.result(`Nothing of a tenant ${tenant} was accepted yet, as far as it is published.`);
      } else output.result(formatLedger(report, output.colours));
    });
  ledger
    .command('acknowledge')
    .description('note that what the log lost is known: readiness names what is lost beyond it')
    .option('--note <text>', 'why, or what was done about it; kept in the log')
    .option('--url <url>', 'any receiver (MILLRACE_URL; else the process of the data directory)')
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (_: object, command: Command) => {
      // What both commands know, commander gives to the first of them.
      const flags = command.optsWithGlobals<AcknowledgeFlags & Pick<LedgerFlags, 'tenant'>>();
      if (flags.tenant !== undefined) command.error(OF_ONE_TENANT);
      const { acknowledgeLosses } = await import('../acknowledge-losses.ts');
      await acknowledgeLosses(context, flags);
    });
}
