import { InvalidArgumentError, type Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { confirm } from '../confirm.ts';
import { askCandidates } from '../editions/candidates-client.ts';
import {
  formatPromotion,
  promotedLines,
  promotionJson,
  rolledBackLines,
} from '../editions/changes-text.ts';
import { diffRules } from '../editions/diff-rules.ts';
import { formatRulesDiff } from '../editions/diff-text.ts';
import { dropRules } from '../editions/drop-rules.ts';
import { findRuleSet } from '../editions/find-rule-set.ts';
import { withEditions } from '../editions/open-editions.ts';
import { promote } from '../editions/promote.ts';
import { rollBack } from '../editions/roll-back.ts';
import { formatRuleSet, formatRuleSets } from '../editions/rule-sets-text.ts';
import { ruleSets } from '../editions/rule-sets.ts';
import { jsonText } from '../json-text.ts';
import type { ReceiverFlags } from '../receiver-client.ts';
import { stoppable } from '../stoppable.ts';
import { limitArgument, soonTimeArgument, timeArgument } from '../time-argument.ts';
import { withCommonOptions } from './rules.ts';

interface EditionFlags extends ReceiverFlags {
  json?: boolean;
}

interface DiffFlags extends EditionFlags {
  since?: number;
  rule?: string;
  changes: number;
}

interface PromoteFlags extends EditionFlags {
  since?: number;
  plan?: boolean;
}

const CHANGES_MAX = 10;
const NUMBER = 'its number, as "millrace edition list" shows it';

export function addEditionCommand(program: Command, context: CliContext): void {
  const edition = program
    .command('edition')
    .description('rules beside those in force: compare what they make, show it, go back, free it');
  withCommonOptions(
    edition.command('list').description('show what is in force and what is folded beside it'),
  ).action(async (flags: EditionFlags) => await list(context, flags));
  withCommonOptions(
    edition
      .command('show')
      .description('show one of them: its editions, what is shown of them, what they take up')
      .argument('<number>', NUMBER, candidateNumber),
  ).action(async (number: number, flags: EditionFlags) => await show(context, number, flags));
  withCommonOptions(
    edition
      .command('diff')
      .description('compare its windows with those of the rules in force')
      .argument('<number>', NUMBER, candidateNumber)
      .option('--since <time>', 'windows that start from then on; a time, or 2h ago', timeArgument)
      .option('--rule <name>', 'of one rule only')
      .option('--changes <count>', 'show so many of the largest', limitArgument, CHANGES_MAX),
  ).action(async (number: number, flags: DiffFlags) => await diff(context, number, flags));
  addChanges(edition, context);
}

function addChanges(edition: Command, context: CliContext): void {
  withCommonOptions(
    edition
      .command('promote')
      .description('show it in place of the rules in force, at once and as a whole')
      .argument('<number>', NUMBER, candidateNumber)
      .option('--since <time>', 'from then on; else as early as it is whole', soonTimeArgument)
      .option('--plan', 'only say what would change'),
  ).action(async (number: number, flags: PromoteFlags) => {
    await promoteNumber(context, number, flags);
  });
  withCommonOptions(
    edition.command('rollback').description('show again what was shown before the last promotion'),
  ).action(async (flags: EditionFlags) => await rollback(context, flags));
  withCommonOptions(
    edition
      .command('drop')
      .description('fold it no more, and delete what it takes up')
      .argument('<number>', NUMBER, candidateNumber)
      .option('--yes', 'do not ask'),
  ).action(async (number: number, flags: EditionFlags & { yes?: boolean }) => {
    await drop(context, number, flags);
  });
}

async function list(context: CliContext, flags: EditionFlags): Promise<void> {
  const { output } = context;
  const sets = await withEditions(context, flags, async ({ url, store }) => {
    return ruleSets(await askCandidates(url), await store.list());
  });
  output.result(flags.json === true ? jsonText(sets) : formatRuleSets(sets, output.colours));
}

async function show(context: CliContext, number: number, flags: EditionFlags): Promise<void> {
  const { output } = context;
  const shown = await withEditions(context, flags, async ({ url, store }) => {
    const answer = await askCandidates(url);
    findRuleSet(answer, number);
    const sets = ruleSets(answer, await store.list({ withSizes: true }));
    return sets.find((one) => one.number === number)!;
  });
  output.result(flags.json === true ? jsonText(shown) : formatRuleSet(shown, output.colours));
}

async function diff(context: CliContext, number: number, flags: DiffFlags): Promise<void> {
  const { output } = context;
  const { since: sinceUs, rule, changes: changesMax } = flags;
  const found = await withEditions(context, flags, async (editions) => {
    const nowUs = Date.now() * 1000;
    return await diffRules(editions, { number, sinceUs, rule, changesMax, nowUs });
  });
  output.result(flags.json === true ? jsonText(found) : formatRulesDiff(found, output.colours));
}

async function promoteNumber(
  context: CliContext,
  number: number,
  flags: PromoteFlags,
): Promise<void> {
  const { output } = context;
  const isJson = flags.json === true;
  const promoted = await withEditions(context, flags, async (editions) => {
    return await promote(editions, {
      ...{ number, fromUs: flags.since, isPlan: flags.plan === true },
      onPlan: (plan) => {
        if (!isJson) output.result(formatPromotion(plan, output.colours));
      },
    });
  });
  const { version, isRepeated, replaced, endsFolding, rules } = promoted;
  if (isRepeated && flags.since !== undefined) {
    output.notice(
      `--since was passed over: ${number} is promoted already. To show it from another time on, ` +
        'go back with "millrace edition rollback" and promote it again.',
    );
  }
  if (isJson) {
    const told = { version: version ?? null, isRepeated, replaced: replaced ?? null, endsFolding };
    output.result(jsonText({ number, ...told, rules: promotionJson(rules) }));
    return;
  }
  if (isRepeated) output.result(formatPromotion(promoted, output.colours));
  for (const line of promotedLines(promoted)) output.result(line);
}

async function rollback(context: CliContext, flags: EditionFlags): Promise<void> {
  const { output } = context;
  const rolledBack = await withEditions(context, flags, rollBack);
  const { rules, ...rest } = rolledBack;
  if (flags.json === true) output.result(jsonText({ ...rest, rules: promotionJson(rules) }));
  else for (const line of rolledBackLines(rolledBack)) output.result(line);
}

async function drop(
  context: CliContext,
  number: number,
  flags: EditionFlags & { yes?: boolean },
): Promise<void> {
  const { output } = context;
  const dropped = await stoppable((signal) =>
    withEditions(context, flags, async (editions) => {
      return await dropRules(editions, {
        ...{ number, signal },
        onFound: async () => {
          if (flags.yes === true) return;
          await confirm(
            `Delete what ${number} has folded, for ever?`,
            `What ${number} has folded would be deleted for ever; nothing was.`,
          );
        },
        onProgress: ({ rows }) => {
          const text = `${rows.toLocaleString('en-US')} rows deleted ...`;
          if (output.rewrite === undefined) output.notice(text);
          else output.rewrite(text);
        },
      });
    }),
  );
  output.rewrite?.('');
  if (flags.json === true) output.result(jsonText(dropped));
  else output.result(`${number} is folded no more; ${dropped.rows} rows were deleted.`);
}

export function candidateNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number, as "millrace edition list" shows them.');
}
