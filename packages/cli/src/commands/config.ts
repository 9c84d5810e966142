import type { Command } from 'commander';
import { readRuleFile, RULE_FILE_NAME } from '@millrace/single/running';
import type { CliContext } from '../cli-context.ts';
import { tellingFaults } from '../rule-file-report.ts';
import { formatTable } from '../text-table.ts';

export function addConfigCommand(program: Command, context: CliContext): void {
  const config = program
    .command('config')
    .description('check the rule file, show the settings in force');
  config
    .command('validate')
    .description(`check a rule file, ${RULE_FILE_NAME} when none is named`)
    .argument('[file]', 'the rule file')
    .option('--json', 'print every fault as JSON')
    .action(async (file: string | undefined, { json }: { json?: boolean }) => {
      await validate(context, file ?? RULE_FILE_NAME, json === true);
    });
  config
    .command('print')
    .description('show every setting, its value and where that comes from')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => await printSettings(context, json === true));
}

async function validate(context: CliContext, config: string, json: boolean): Promise<void> {
  const { output } = context;
  const read = await tellingFaults(output, json, async () => {
    return await readRuleFile({ config, cwd: process.cwd() });
  });
  const rules = (read?.rules.rules ?? []).map(({ name, edition }) => ({ name, edition }));
  if (json) output.result(JSON.stringify({ ok: true, file: read?.file, rules }, undefined, 2));
  else output.result(`${config} is right: ${rules.map(({ name }) => name).join(', ')}.`);
}

async function printSettings({ output, environment }: CliContext, json: boolean): Promise<void> {
  const { readSingleSettings } = await import('@millrace/single');
  const { effective } = readSingleSettings(environment);
  if (json) {
    output.result(JSON.stringify(effective, undefined, 2));
    return;
  }
  const rows = effective.map(({ variable, value, source, help }) => [
    variable,
    value === undefined ? '' : String(value),
    source,
    help,
  ]);
  const columns = [
    { title: 'variable' },
    { title: 'value' },
    { title: 'source' },
    { title: 'meaning' },
  ];
  output.result(formatTable(columns, rows, output.colours));
}
