import { Option, type Command } from 'commander';
import { MillraceError, systemClock } from '@millrace/runtime';
import { readRuleFile, type RuleFileContent } from '@millrace/single/running';
import { mebibytes } from '../audit/audit-arguments.ts';
import type { CliContext } from '../cli-context.ts';
import type { CompleteFlags } from '../complete/complete-command.ts';
import { askCandidates, sendCandidate, sendJobsOrder } from '../editions/candidates-client.ts';
import { findReprocessed } from '../editions/find-rule-set.ts';
import { followJobs } from '../editions/follow-jobs.ts';
import { liveLag, lookAtJobs, type JobLook } from '../editions/look-at-jobs.ts';
import { withEditions, type Editions } from '../editions/open-editions.ts';
import { formatRuleSet } from '../editions/rule-sets-text.ts';
import { jobsSummary, ruleSets } from '../editions/rule-sets.ts';
import { errorJson } from '../error-report.ts';
import { jsonText } from '../json-text.ts';
import { rateArgument } from '../rate-argument.ts';
import { receiverUrl, type ReceiverFlags } from '../receiver-client.ts';
import { tellingFaults } from '../rule-file-report.ts';
import { stoppable } from '../stoppable.ts';
import { pastTimeArgument, timeArgument } from '../time-argument.ts';
import { candidateNumber } from './edition.ts';
import { withCommonOptions } from './rules.ts';

interface ReprocessFlags extends ReceiverFlags, CompleteFlags {
  marked?: boolean;
  rules?: string;
  rate?: number;
  detach?: boolean;
  force?: boolean;
}

interface JobFlags extends ReceiverFlags {
  json?: boolean;
  follow?: boolean;
}

const START = 'Start it with "millrace up".';

export function addReprocessCommand(program: Command, context: CliContext): void {
  const reprocess = withCommonOptions(
    program
      .command('reprocess')
      .description('fold history again under other rules, beside what is shown')
      .option('--rules <file>', 'the rule file')
      .option('--since <time>', 'from then on: 2026-11-29T12:00:00Z, or 2h ago', pastTimeArgument)
      .option('--rate <samples>', 'fold at most so many a second, in all partitions', rateArgument)
      .option('--detach', 'do not wait until it is through')
      .option('--force', 'begin without looking whether it fits on the disk')
      .addOption(ofMarked('--marked', 'compute marked windows again, from all samples'))
      .addOption(
        ofMarked('--until <time>', 'with --marked: windows of before').argParser(timeArgument),
      )
      .addOption(ofMarked('--rule <name...>', 'with --marked: only windows of these rules'))
      .addOption(ofMarked('--again', 'with --marked: also those that were computed again already'))
      .addOption(ofMarked('--tenant <name>', 'with --marked: only windows of this tenant'))
      .addOption(
        ofMarked(
          '--memory <MiB>',
          'with --marked: for samples; more take more rounds (384)',
        ).argParser(mebibytes),
      ),
  );
  reprocess.action(async (flags: ReprocessFlags, command: Command) => {
    const { rules, since } = flags;
    if (flags.marked === true) return await completeMarkedWindows(context, flags);
    const [only] = (['until', 'rule', 'tenant', 'memory', 'again'] as const).filter(
      (name) => flags[name] !== undefined,
    );
    if (only !== undefined) return command.error(`error: --${only} is for --marked`);
    if (rules === undefined)
      return command.error('error: say --rules FILE, or --marked (--help shows more)');
    if (since === undefined) return command.error('error: say --since, as --since 2h');
    await begin(context, flags, { config: rules, sinceUs: since });
  });
  withCommonOptions(
    reprocess
      .command('status')
      .description('show how far it is; with --follow until it is through')
      .argument('[number]', 'of which rules; not needed while there are no others', candidateNumber)
      .option('--follow', 'go on showing it until it is through, or Ctrl-C'),
  ).action(async (number: number | undefined, _: object, command: Command) => {
    await status(context, number, jobFlags(command));
  });
  for (const [name, paused, description] of [
    ['pause', true, 'let it rest where it is; nothing is lost'],
    ['resume', false, 'let it go on'],
  ] as const) {
    withCommonOptions(
      reprocess
        .command(name)
        .description(description)
        .argument('[number]', 'of which rules', candidateNumber),
    ).action(async (number: number | undefined, _: object, command: Command) => {
      await order(context, { number, paused }, jobFlags(command));
    });
  }
}

function ofMarked(flags: string, description: string): Option {
  return new Option(flags, description).conflicts(['rules', 'rate', 'detach', 'force', 'url']);
}

/** Loaded only when it is asked for, like all that reads log and store itself. */
async function completeMarkedWindows(context: CliContext, flags: CompleteFlags): Promise<void> {
  const { completeCommand } = await import('../complete/complete-command.ts');
  await completeCommand(context, flags);
}

/** What both commands know, commander gives to the first of them. */
function jobFlags(command: Command): JobFlags {
  const { rules, since, rate, detach, force, ...more } = command.optsWithGlobals<
    JobFlags & ReprocessFlags
  >();
  const { marked, until, rule, tenant, again, memory, ...flags } = more;
  const withMarked = { marked, until, rule, tenant, again, memory };
  const ofFirst = { rules, since, rate, detach, force, ...withMarked };
  const given = Object.entries(ofFirst).filter(([, one]) => one !== undefined);
  const [name] = given[0] ?? [];
  if (name === undefined) return flags;
  return command.error(`error: option '--${name}' is of "reprocess" alone; nothing was changed`);
}

async function begin(
  context: CliContext,
  flags: ReprocessFlags,
  { config, sinceUs }: Readonly<{ config: string; sinceUs: number }>,
): Promise<void> {
  const { output, program } = context;
  const isJson = flags.json === true;
  const url = await receiverUrl(context, flags, START);
  const { version, candidate } = await tellingFaults(output, isJson, async () => {
    const read = await readRuleFile({ config, cwd: process.cwd() });
    if (read === undefined) throw new Error(`${config} was named and not read`);
    await lookForRoom(context, { ...flags, url }, read, sinceUs);
    const sent = { file: read.file, source: read.source };
    // With the first request: jobs would begin before a second one.
    const samplesPerSecond = await rateOfJob(url, flags.rate);
    return await sendCandidate(url, sent, { sinceUs, samplesPerSecond });
  });
  if (candidate === null) throw new Error(`version ${version} began no candidate`);
  const { number, since } = candidate;
  const names = candidate.rules.map(({ name }) => name).join(', ');
  output.notice(`${number}: ${names}, folded beside the rules in force, and since ${since}.`);
  if (flags.detach !== true) {
    try {
      await follow(context, flags, number);
    } catch (error) {
      // It was begun, whatever became of following it.
      if (isJson) output.result(jsonText({ ...errorJson(error), number, since }));
      throw error;
    }
  }
  if (isJson) output.result(jsonText({ number, since, isFollowed: flags.detach !== true }));
  else output.result(nextLines(program, number, flags.detach === true).join('\n'));
}

/** Each partition's job gets its part. */
async function rateOfJob(url: string, rate: number | undefined): Promise<number | undefined> {
  if (rate === undefined) return undefined;
  const { partitions } = await askCandidates(url);
  return Math.max(1, Math.floor(rate / partitions));
}

async function lookForRoom(
  context: CliContext,
  { dataDir, url, force }: ReprocessFlags & { url: string },
  file: RuleFileContent,
  sinceUs: number,
): Promise<void> {
  if (force === true) return;
  const { ensureRoom } = await import('../editions/ensure-room.ts');
  await stoppable((signal) => ensureRoom({ context, dataDir, url, file, sinceUs, signal }));
}

async function follow(context: CliContext, flags: ReceiverFlags, number: number): Promise<void> {
  const { output, program } = context;
  const lag = liveLag(context, flags);
  await stoppable((signal) =>
    withEditions(context, flags, async (editions) => {
      const { partitions } = await askCandidates(editions.url);
      await followJobs({
        ...{ number, partitions, output, program, clock: systemClock, signal },
        look: async () => {
          const seen = await lookAtJobs(context, flags, editions, number);
          return { ...seen, lagMs: seen.lagMs ?? lag() };
        },
      });
    }),
  );
}

function nextLines(program: string, number: number, isDetached: boolean): string[] {
  if (!isDetached) {
    return [
      `History is folded under ${number}. Compare with "${program} edition diff ${number}", show it`,
      `with "${program} edition promote ${number}".`,
    ];
  }
  return [
    `History is being folded under ${number}: "${program} reprocess status ${number}" tells how far`,
    `it is, "reprocess pause ${number}" lets it rest, "edition drop ${number}" gives it up.`,
  ];
}

async function status(
  context: CliContext,
  wanted: number | undefined,
  flags: JobFlags,
): Promise<void> {
  const { output } = context;
  const show = async ({ url, store }: Editions): Promise<number> => {
    const answer = await askCandidates(url);
    const { number } = findReprocessed(answer, wanted);
    const found = ruleSets(answer, await store.list()).find((one) => one.number === number)!;
    const look = await lookAtJobs(context, flags, { url, store }, number);
    const { stopped, held, keptRecords, progress } = look;
    const jobs = found.jobs && { ...found.jobs, ...jobsSummary(progress, answer.partitions) };
    const set = { ...found, jobs };
    if (flags.json === true)
      output.result(jsonText({ ...set, stopped, held, keptRecords: keptRecords ?? null }));
    else {
      output.result(formatRuleSet(set, output.colours));
      for (const { partition, code, message } of stopped) {
        output.result(output.colours.red(`partition ${partition} stopped: ${code}: ${message}`));
      }
      for (const line of heldLines(look)) output.result(output.colours.yellow(line));
    }
    return number;
  };
  const number = await withEditions(context, flags, show);
  if (flags.follow !== true) return;
  await follow(context, flags, number);
}

/** Why it does not get on, and what that costs. */
function heldLines({ held, paused, keptRecords = 0 }: JobLook): string[] {
  const reasons = new Set(held.map(({ code, message }) => `${code}: ${message}`));
  const isKept = (paused || held.length > 0) && keptRecords > 0;
  return [
    ...reasons,
    ...(isKept
      ? [
          `The log keeps ${keptRecords.toLocaleString('en-US')} records for it meanwhile, also ` +
            'those that are past their retention, as long as there is room.',
        ]
      : []),
  ];
}

async function order(
  context: CliContext,
  wanted: Readonly<{ number: number | undefined; paused: boolean }>,
  flags: JobFlags,
): Promise<void> {
  const { output, program } = context;
  const url = await receiverUrl(context, flags, START);
  const { number, since } = findReprocessed(await askCandidates(url), wanted.number);
  if (since === null) throw nothingFolded(number);
  const jobs = await sendJobsOrder(url, number, { paused: wanted.paused });
  if (flags.json === true) output.result(jsonText({ number, ...jobs }));
  else if (wanted.paused) {
    output.result(`${number} rests; "${program} reprocess resume ${number}" lets it go on.`);
  } else output.result(`${number} goes on.`);
}

function nothingFolded(number: number): MillraceError {
  return new MillraceError({
    code: 'REPROCESS_NONE',
    kind: 'permanent',
    message: `Nothing of the past is folded under the rules numbered ${number}.`,
    remedy: 'Look at what there is with "millrace edition list".',
  });
}
