import type { Command } from 'commander';
import { MillraceError } from '@millrace/runtime';
import type { RetentionReport } from '@millrace/store';
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
      if (rule !== undefined) checkRule(rule, all);
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

const RULES_NAMED_MAX = 10;

/** Of a name that was mistyped nothing would be due, and that would look well. */
function checkRule(rule: string, { rows }: RetentionReport): void {
  const known = [...new Set(rows.flatMap((one) => (one.rule === undefined ? [] : [one.rule])))];
  if (known.includes(rule)) return;
  const named = known.slice(0, RULES_NAMED_MAX).join(', ');
  throw new MillraceError({
    code: 'RETENTION_RULE_UNKNOWN',
    kind: 'permanent',
    message: `Nothing is kept for a rule ${rule}. Nothing was changed.`,
    remedy: `Name one of ${named || 'those there will be'}, or leave --rule out to see all.`,
  });
}
