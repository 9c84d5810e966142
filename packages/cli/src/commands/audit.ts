import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import pc from 'picocolors';
import { Option, type Command } from 'commander';
import type { AuditReport, AuditSettings } from '@millrace/audit';
import { MillraceError } from '@millrace/runtime';
import { mebibytes, samplesIn, wholeNumber } from '../audit/audit-arguments.ts';
import type { CliContext } from '../cli-context.ts';
import { pastTimeArgument, timeArgument } from '../time-argument.ts';

interface AuditFlags {
  since?: number;
  until?: number;
  tenant?: string;
  partition?: number;
  memory: number;
  deep?: boolean;
  archive?: boolean;
  json?: boolean;
  report?: string;
  dataDir?: string;
}

export function addAuditCommand(program: Command, context: CliContext): void {
  program
    .command('audit')
    .description('prove from the log and the store that every accepted sample is accounted for')
    .option(
      '--since <time>',
      'only samples with times from then on: RFC 3339, or 2h for so long ago; with --deep what ' +
        'was put out from the newest checkpoint of before then on, whatever its times',
      pastTimeArgument,
    )
    .option('--until <time>', 'only samples before then', timeArgument)
    .option('--tenant <name>', 'tell only what concerns this tenant')
    .option('--partition <number>', 'only this partition', wholeNumber)
    .option('--memory <MiB>', 'memory for samples; more of them take more rounds', mebibytes, 512)
    .addOption(
      new Option(
        '--deep',
        'fold the log again and compare every value with what is stored',
      ).conflicts(['until', 'tenant']),
    )
    .option('--archive', 'read from the archive, too, what the log has forgotten')
    .option('--json', 'print the report as JSON')
    .option('--report <path>', 'write it to <path>.json and <path>.txt, whatever it says')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (flags: AuditFlags) => await runAudit(context, flags));
}

async function runAudit(context: CliContext, flags: AuditFlags): Promise<void> {
  const { output } = context;
  const { formatAudit } = await import('../audit/audit-text.ts');
  const report = await examine(context, flags);
  const isBroken = report.outcome === 'broken';
  const path = flags.report ?? (isBroken ? `millrace-audit-${stamp(report)}` : undefined);
  const files = path === undefined ? [] : [`${resolve(path)}.json`, `${resolve(path)}.txt`];
  const json = JSON.stringify(report, undefined, 2);
  const [jsonFile, textFile] = files;
  if (jsonFile !== undefined && textFile !== undefined) {
    await writeFile(jsonFile, `${json}\n`);
    await writeFile(textFile, `${formatAudit(report, pc.createColors(false))}\n`);
  }
  output.result(flags.json === true ? json : formatAudit(report, output.colours));
  if (isBroken) throw broken(report, files);
  if (files.length > 0) output.notice(`Written to ${files.join(' and ')}.`);
  const { tenant, ledger } = report;
  if (tenant !== undefined && ledger.length === 0) throw tenantUnknown(tenant);
}

async function examine(context: CliContext, flags: AuditFlags): Promise<AuditReport> {
  const { audit, AUDIT_DEFAULTS } = await import('@millrace/audit');
  const { withAudited } = await import('../audit/with-audited.ts');
  const settings: AuditSettings = {
    ...AUDIT_DEFAULTS,
    sinceUs: flags.since,
    untilUs: flags.until,
    tenant: flags.tenant,
    partition: flags.partition,
    samplesMax: samplesIn(flags.memory),
    isDeep: flags.deep === true,
  };
  const hasArchive = flags.archive === true;
  return await withAudited(context, flags.dataDir, (parts) => audit(parts, settings), {
    hasArchive,
  });
}

function broken({ findings }: AuditReport, files: readonly string[]): MillraceError {
  const differences = findings.reduce((sum, { count }) => sum + count, 0);
  return new MillraceError({
    code: 'AUDIT_BROKEN',
    kind: 'permanent',
    message: `Log and store do not agree: ${differences} differences. Nothing was changed.`,
    remedy:
      'Where somebody changed rows by hand, "millrace replay --repair" makes the store what the ' +
      `log says. Else report it as a bug and attach ${files.join(' and ')}.`,
  });
}

/** Of a name that was mistyped nothing is wrong, and that would look well. */
function tenantUnknown(tenant: string): MillraceError {
  return new MillraceError({
    code: 'AUDIT_TENANT_UNKNOWN',
    kind: 'permanent',
    message: `No ledger of what was looked at knows a tenant ${tenant}: nothing is proven of it.`,
    remedy: 'Look at "millrace ledger" for the tenants that there are.',
  });
}

/** As part of a file's name. */
function stamp({ started }: AuditReport): string {
  return started.replace(/\.\d+Z$/, 'Z').replace(/[-:]/g, '');
}
