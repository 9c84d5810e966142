import { InvalidArgumentError, Option, type Command } from 'commander';
import { readRuleFile } from '@millrace/single/running';
import { FOLD_VERSION } from '@millrace/wire';
import type { CliContext } from '../cli-context.ts';
import type { RulesChangeAnswer } from '@millrace/receiver';
import {
  askRules,
  receiverUrl,
  sendFoldVersion,
  sendRules,
  type ReceiverFlags,
} from '../receiver-client.ts';
import { tellingFaults } from '../rule-file-report.ts';
import { rulesYaml } from '../rule-yaml.ts';
import {
  formatApplied,
  formatDiff,
  formatRuleList,
  formatUpgraded,
  formatVersions,
  versionLine,
} from '../rules-text.ts';

interface CommonFlags extends ReceiverFlags {
  json?: boolean;
}

const START = 'Start it with "millrace up".';

export function addRulesCommand(program: Command, context: CliContext): void {
  const rules = program.command('rules').description('see and change the rules in force');
  withCommonOptions(
    rules
      .command('list')
      .description('show the rules in force, a line each')
      .option('--versions', 'show every version there was, and what it changed'),
  ).action(async (flags: CommonFlags & { versions?: boolean }) => await list(context, flags));
  withCommonOptions(
    rules
      .command('show')
      .description('show the rules of one version as a file that could be applied again')
      .argument('[version]', 'its number; without it, what is in force', versionNumber)
      .addOption(
        new Option('--source', 'show the file as it was written, with its comments').conflicts(
          'json',
        ),
      ),
  ).action(async (version: string | undefined, flags: CommonFlags & { source?: boolean }) => {
    await show(context, version, flags);
  });
  withCommonOptions(
    rules
      .command('diff')
      .description('show what a rule file would change, field by field')
      .argument('<file>', 'the rule file'),
  ).action(async (file: string, flags: CommonFlags) => await diff(context, file, flags));
  withCommonOptions(
    rules
      .command('apply')
      .description('bring the rules of a file into force from now on')
      .argument('<file>', 'the rule file; an empty one leaves only the built-in rule')
      .option('--plan', 'only say what would change'),
  ).action(async (file: string, flags: CommonFlags & { plan?: boolean }) => {
    await apply(context, file, flags);
  });
  addUpgrade(rules, context);
}

function addUpgrade(rules: Command, context: CliContext): void {
  withCommonOptions(
    rules
      .command('upgrade')
      .description('fold by the newest way from now on; every stage has to know it')
      .option('--fold-version <number>', 'another one', versionNumber, String(FOLD_VERSION))
      .option('--plan', 'only say what would change'),
  ).action(async (flags: CommonFlags & { plan?: boolean; foldVersion: string }) => {
    const { output } = context;
    const isPlan = flags.plan === true;
    const url = await receiverUrl(context, flags, START);
    const answer = await sendFoldVersion(url, Number(flags.foldVersion), { isPlan });
    if (flags.json === true) output.result(JSON.stringify(answer, undefined, 2));
    else output.result(formatUpgraded(answer, { isPlan }));
  });
}

/** What all commands that ask a receiver have. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON')
    .option('--url <url>', 'any receiver (MILLRACE_URL; else the process of the data directory)')
    .option('--data-dir <dir>', 'the data directory of the running process');
}

async function list(
  context: CliContext,
  flags: CommonFlags & { versions?: boolean },
): Promise<void> {
  const { output } = context;
  const answer = await askRules(await receiverUrl(context, flags, START));
  const { version, applied, rules, versions, versionsLeftOut } = answer;
  const isVersions = flags.versions === true;
  if (flags.json === true) {
    const shown = isVersions ? { versions, versionsLeftOut } : { version, applied, rules };
    output.result(JSON.stringify(shown, undefined, 2));
  } else {
    const { colours } = output;
    output.result(isVersions ? formatVersions(answer, colours) : formatRuleList(answer, colours));
  }
}

async function show(
  context: CliContext,
  version: string | undefined,
  flags: CommonFlags & { source?: boolean },
): Promise<void> {
  const { output } = context;
  const answer = await askRules(await receiverUrl(context, flags, START), version);
  if (flags.json === true) output.result(JSON.stringify(answer, undefined, 2));
  else if (flags.source !== true) {
    output.result([`# ${versionLine(answer)}`, rulesYaml(answer)].join('\n'));
  } else if (answer.source === '') {
    output.notice(`Version ${answer.version} came without a file: only the built-in rule.`);
  } else output.result(answer.source.replace(/\n$/, ''));
}

async function diff(context: CliContext, file: string, flags: CommonFlags): Promise<void> {
  const { output } = context;
  const answer = await send(context, file, flags, { isPlan: true });
  if (flags.json === true) output.result(JSON.stringify(answer, undefined, 2));
  else output.result(formatDiff(file, answer, output.colours));
}

async function apply(
  context: CliContext,
  file: string,
  flags: CommonFlags & { plan?: boolean },
): Promise<void> {
  const { output } = context;
  const isPlan = flags.plan === true;
  const answer = await send(context, file, flags, { isPlan });
  if (flags.json === true) output.result(JSON.stringify(answer, undefined, 2));
  else output.result(formatApplied(answer, { isPlan }, output.colours));
}

/** Read here first, so that its faults are told with line and column also when nothing runs. */
async function send(
  context: CliContext,
  config: string,
  flags: CommonFlags,
  how: Readonly<{ isPlan: boolean }>,
): Promise<RulesChangeAnswer> {
  return await tellingFaults(context.output, flags.json === true, async () => {
    const read = await readRuleFile({ config, cwd: process.cwd() });
    const url = await receiverUrl(context, flags, startWith(config));
    const sent = { file: read?.file ?? config, source: read?.source ?? '' };
    return await sendRules(url, sent, how);
  });
}

function startWith(file: string): string {
  return `Start it with "millrace up --config ${file}", which applies the rules as it starts.`;
}

function versionNumber(text: string): string {
  if (/^\d{1,15}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a number, as "millrace rules list --versions" shows them.');
}
