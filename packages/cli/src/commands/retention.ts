import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { jsonText } from '../json-text.ts';
import { formatRetention } from '../retention-text.ts';
import { storeConnection } from '../store-connection.ts';

interface RetentionFlags {
  json?: boolean;
  tenant?: string;
  rule?: string;
  dataDir?: string;
}

export function addRetentionCommand(program: Command, context: CliContext): void {
  program
    .command('retention')
    .description('show what is kept how long, what is deleted next, and what waits and why')
    .option('--tenant <name>', 'of one tenant only')
    .option('--rule <name>', 'of one rule only')
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async ({ json, tenant, rule, dataDir }: RetentionFlags) => {
      const connection = await storeConnection(context, dataDir);
      const { readRetention } = await import('@millrace/store/timescale');
      const all = await readRetention(connection);
      const isOwn = tenant !== undefined && all.rows.some(({ whose }) => whose === tenant);
      // A tenant without words of its own is kept like all the others.
      const whose = isOwn ? tenant : undefined;
      const report = {
        ...all,
        rows: all.rows.filter(
          (rows) =>
            (tenant === undefined || rows.whose === whose) &&
            (rule === undefined || rows.rule === rule),
        ),
      };
      const { output } = context;
      output.result(json === true ? jsonText(report) : formatRetention(report, output.colours));
    });
}
