import { Option, type Command } from 'commander';
import { readRuleFile } from '@millrace/single/running';
import type { CliContext } from '../cli-context.ts';
import type { ExplainedSample, ExplainedUnder } from '../explained-sample.ts';
import { formatDurationMs } from '../quantities.ts';
import { askRules, receiverUrl, type ReceiverFlags } from '../receiver-client.ts';
import { tellingFaults } from '../rule-file-report.ts';
import type { AdmittedSample, ReadSample, RefusedSample } from '../sample-argument.ts';
import { withCommonOptions } from './rules.ts';

interface ExplainFlags extends ReceiverFlags {
  json?: boolean;
  config?: string;
}

const START = 'Start it with "millrace up", or name a rule file with --config: that needs none.';

export function addExplainCommand(program: Command, context: CliContext): void {
  withCommonOptions(
    program
      .command('explain')
      .description('say what the rules do with a sample: where it goes, and where not, and why')
      .argument('<sample>', `'name{label="value"} [value [time]]', or JSON as /v1/events takes it`)
      .addOption(
        new Option(
          '--config <file>',
          'under the rules of this file; no process is asked',
        ).conflicts(['url', 'dataDir']),
      ),
  ).action(async (sample: string, flags: ExplainFlags, command: Command) => {
    await explain(context, sample, flags, command);
  });
}

async function explain(
  context: CliContext,
  argument: string,
  flags: ExplainFlags,
  command: Command,
): Promise<void> {
  const { output } = context;
  const isJson = flags.json === true;
  const sample = await readSample(argument, command);
  const explained = await tellingFaults(output, isJson, async () => {
    return sample.isRefused ? refused(sample) : await explainUnder(sample, context, flags);
  });
  if (isJson) output.result(JSON.stringify(explained, undefined, 2));
  else {
    const { formatExplained } = await import('../explain-text.ts');
    output.result(formatExplained(explained, output.colours));
  }
}

async function readSample(argument: string, command: Command): Promise<ReadSample> {
  const { readSampleArgument, SampleArgumentError } = await import('../sample-argument.ts');
  try {
    return readSampleArgument(argument);
  } catch (error) {
    if (!(error instanceof SampleArgumentError)) throw error;
    return command.error(`error: this is no sample: ${error.message}`);
  }
}

function refused({ reason, detail, remedy }: RefusedSample): ExplainedSample {
  return { accepted: false, reason, detail, remedy };
}

async function explainUnder(
  sample: AdmittedSample,
  context: CliContext,
  flags: ExplainFlags,
): Promise<ExplainedSample> {
  const { explainedSample } = await import('../explained-sample.ts');
  const { refusedFor } = await import('../sample-argument.ts');
  const { futureSkewUs, ...under } = await rulesOf(context, flags);
  const nowUs = Date.now() * 1000;
  const { timeUs = nowUs } = sample;
  if (timeUs > nowUs + futureSkewUs) {
    const aheadMs = Math.round((timeUs - nowUs) / 1000);
    const detail = `it lies ${formatDurationMs(aheadMs)} ahead of the clock of this machine`;
    return refused(refusedFor('time_too_far_in_future', detail));
  }
  return explainedSample({ ...sample, timeUs, hasOwnTime: sample.timeUs !== undefined }, under);
}

/** Of the file, or what a receiver says is in force. */
async function rulesOf(
  context: CliContext,
  flags: ExplainFlags,
): Promise<ExplainedUnder & { futureSkewUs: number }> {
  const { compileRules, readCompiledRules } = await import('@millrace/rules');
  if (flags.config !== undefined) {
    const { DEFAULT_FOLD_SETTINGS } = await import('@millrace/wire');
    const read = await readRuleFile({ config: flags.config, cwd: process.cwd() });
    const { futureSkewUs } = DEFAULT_FOLD_SETTINGS;
    return { compiled: read?.rules ?? compileRules(undefined), futureSkewUs };
  }
  const answer = await askRules(await receiverUrl(context, flags, START));
  const { version, partitions, settings } = answer;
  const compiled = readCompiledRules(answer.compiled);
  return { compiled, version, partitions, futureSkewUs: settings.futureSkewUs };
}
