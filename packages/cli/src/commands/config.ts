import { Option, type Command } from 'commander';
import { readRuleFile, RULE_FILE_NAME } from '@millrace/single/running';
import type { CliContext } from '../cli-context.ts';
import { effectiveSettings, PROCESS_NAMES, processesOf } from '../effective-settings.ts';
import { tellingFaults } from '../rule-file-report.ts';
import { settingText } from '../setting-text.ts';
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
    .description('show every setting, its value and where that comes from; secrets stay hidden')
    .option('--effective', 'as they take effect in this environment: what is shown in any case')
    .addOption(
      new Option(
        '--for <process>',
        'only of this process; else of those KAFKA_BROKERS is for',
      ).choices(PROCESS_NAMES),
    )
    .option('--json', 'print JSON')
    .action(async (flags: PrintFlags) => await printSettings(context, flags));
}

interface PrintFlags {
  for?: string;
  json?: boolean;
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

async function printSettings(
  { output, environment }: CliContext,
  { for: process, json }: PrintFlags,
): Promise<void> {
  const processes = process === undefined ? processesOf(environment) : [process];
  const { settings, refused } = await effectiveSettings(processes, environment);
  const isOne = processes.length === 1;
  if (json === true) output.result(JSON.stringify(settings, undefined, 2));
  else if (settings.length > 0) {
    const rows = settings.map(({ variable, value, source, help, processes: readers }) => [
      variable,
      settingText(variable, value),
      source,
      ...(isOne ? [] : [readers.length === processes.length ? 'all' : readers.join(' ')]),
      help,
    ]);
    const titles = ['variable', 'value', 'source', ...(isOne ? [] : ['read by']), 'meaning'];
    output.result(
      formatTable(
        titles.map((title) => ({ title })),
        rows,
        output.colours,
      ),
    );
  }
  const [first] = refused;
  if (first === undefined) return;
  const names = refused.map((one) => one.process).join(', ');
  if (!isOne) output.notice(`Not shown, because like this they would not start: ${names}.`);
  throw first.error;
}
