import type { Command } from 'commander';
import { MillraceError } from '@millrace/runtime';
import type { DeadLetter, DeadLetterFilter, PostgresConnection } from '@millrace/store';
import type { CliContext } from '../cli-context.ts';
import { confirm } from '../confirm.ts';
import { formatLetter, formatLetters } from '../dead-text.ts';
import { jsonText } from '../json-text.ts';
import { receiverUrl, sendRedriven } from '../receiver-client.ts';
import { redriveLetters, type RedrivenLetter } from '../redrive-letters.ts';
import { storeConnection } from '../store-connection.ts';
import { idArgument, limitArgument, pastTimeArgument, timeArgument } from '../time-argument.ts';

interface DeadFlags {
  json?: boolean;
  reason?: string;
  tenant?: string;
  since?: number;
  until?: number;
  limit: number;
  dataDir?: string;
}

interface ChosenFlags extends DeadFlags {
  all?: boolean;
}

const LIST_LIMIT = 100;
const CHANGE_LIMIT = 10_000;
const START = 'Start it with "millrace up".';

export function addDeadCommand(program: Command, context: CliContext): void {
  const dead = program
    .command('dead')
    .description('dead letters: what can never be stored, with its reason');
  withFilters(dead.command('list').description('show them, the oldest first'), LIST_LIMIT)
    .option('--redriven', 'also those that were sent again')
    .action(async (flags: DeadFlags & { redriven?: boolean }) => await list(context, flags));
  dead
    .command('show')
    .description('show everything of one, its payload decoded')
    .argument('<id>', 'its number', idArgument)
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process')
    .action(async (id: string, flags: DeadFlags) => await show(context, id, flags));
  withChoice(
    dead
      .command('redrive')
      .description('send samples through the log again; each counts once, however often')
      .option('--url <url>', 'any receiver (MILLRACE_URL; else the process of the data directory)'),
  ).action(async (ids: string[], flags: ChosenFlags & { url?: string }) => {
    await redrive(context, ids, flags);
  });
  withChoice(
    dead
      .command('drop')
      .description('delete them; samples count as dropped from then on')
      .option('-y, --yes', 'do not ask'),
  ).action(async (ids: string[], flags: ChosenFlags & { yes?: boolean }) => {
    await drop(context, ids, flags);
  });
}

function withFilters(command: Command, limit: number): Command {
  return command
    .option('--reason <reason>', 'with this reason only')
    .option('--tenant <name>', 'of one tenant only')
    .option('--since <time>', 'recorded since: 2026-11-29T12:00:00Z, or 7d ago', pastTimeArgument)
    .option('--until <time>', 'recorded before', timeArgument)
    .option('--limit <count>', 'at most so many', limitArgument, limit)
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'the data directory of the running process');
}

/** Nobody changes everything by leaving something out. */
function withChoice(command: Command): Command {
  return withFilters(
    command
      .argument(
        '[ids...]',
        'their numbers; or a filter',
        (id, before: string[]) => [...before, idArgument(id)],
        [],
      )
      .option('--all', 'all of them'),
    CHANGE_LIMIT,
  );
}

function filterOf(flags: DeadFlags): DeadLetterFilter {
  const { reason, tenant, since, until, limit } = flags;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(since === undefined ? {} : { sinceUs: since }),
    ...(until === undefined ? {} : { untilUs: until }),
    limit,
  };
}

async function list(context: CliContext, flags: DeadFlags & { redriven?: boolean }): Promise<void> {
  const { output } = context;
  const connection = await storeConnection(context, flags.dataDir);
  const { listDeadLetters } = await import('@millrace/store/postgres');
  const withRedriven = flags.redriven === true;
  const letters = await listDeadLetters(connection, { ...filterOf(flags), withRedriven });
  if (flags.json === true) output.result(jsonText(letters));
  else if (letters.length === 0) output.notice('There are none.');
  else output.result(formatLetters(letters, output.colours));
  if (letters.length === flags.limit) {
    output.notice(`These are ${flags.limit}; there may be more: --limit.`);
  }
}

async function show(context: CliContext, id: string, flags: DeadFlags): Promise<void> {
  const { output } = context;
  const connection = await storeConnection(context, flags.dataDir);
  const [letter] = await lettersOf(connection, [id], { limit: 1, withRedriven: true });
  if (flags.json === true) output.result(jsonText(letter));
  else output.result(formatLetter(letter!, output.colours));
}

async function redrive(
  context: CliContext,
  ids: readonly string[],
  flags: ChosenFlags & { url?: string },
): Promise<void> {
  const { output } = context;
  checkChosen(ids, flags);
  const connection = await storeConnection(context, flags.dataDir);
  const url = await receiverUrl(context, flags, START);
  const letters = await lettersOf(connection, ids, filterOf(flags));
  const { beginRedrive, markRedriven } = await import('@millrace/store/postgres');
  const results = await redriveLetters(
    {
      begin: async (begun) => await beginRedrive(connection, begun),
      send: async (sent) => (await sendRedriven(url, sent)).token,
      mark: async (sent) => await markRedriven(connection, sent),
      nowUs: () => Date.now() * 1000,
      progress: (done, of) => output.notice(`${done} of ${of} sent.`),
    },
    letters,
  );
  if (flags.json === true) output.result(JSON.stringify(results, undefined, 2));
  else for (const line of redrivenLines(results)) output.result(line);
  const left = results.filter(({ outcome }) => outcome !== 'redriven').length;
  if (left > 0) throw notAllRedriven(left, results.length);
}

function redrivenLines(results: readonly RedrivenLetter[]): string[] {
  if (results.length === 0) return ['Nothing matches; nothing was sent.'];
  const sent = results.filter(({ outcome }) => outcome === 'redriven').length;
  const others = results.flatMap(({ id, outcome, why }) =>
    outcome === 'redriven' ? [] : [`${id}: ${WORDS[outcome]}: ${why}`],
  );
  return [`${sent} of ${results.length} are in the log again, and marked.`, ...others];
}

const WORDS: Readonly<Record<Exclude<RedrivenLetter['outcome'], 'redriven'>, string>> = {
  refused: 'refused by the receiver',
  not_possible: 'cannot be sent again',
  not_sent: 'not sent',
};

async function drop(
  context: CliContext,
  ids: readonly string[],
  flags: ChosenFlags & { yes?: boolean },
): Promise<void> {
  const { output } = context;
  checkChosen(ids, flags);
  const connection = await storeConnection(context, flags.dataDir);
  const letters = await lettersOf(connection, ids, { ...filterOf(flags), withRedriven: true });
  if (letters.length > 0 && flags.yes !== true) {
    await confirm(
      `Delete ${letters.length} dead letters for ever?`,
      `${letters.length} dead letters would be deleted for ever; nothing was.`,
    );
  }
  const { deleteDeadLetters } = await import('@millrace/store/postgres');
  const chosen = letters.map(({ id }) => id);
  const deleted = chosen.length === 0 ? 0 : await deleteDeadLetters(connection, chosen);
  if (flags.json === true) output.result(JSON.stringify({ deleted }, undefined, 2));
  else if (deleted === 0) output.result('Nothing matches; nothing was deleted.');
  else output.result(`${deleted} deleted; their samples count as dropped by hand.`);
}

/** @throws MillraceError DEAD_LETTER_UNKNOWN: one that was named is not there. */
async function lettersOf(
  connection: PostgresConnection,
  ids: readonly string[],
  filter: DeadLetterFilter,
): Promise<DeadLetter[]> {
  const { listDeadLetters } = await import('@millrace/store/postgres');
  if (ids.length === 0) return await listDeadLetters(connection, filter);
  const named = new Set(ids);
  const limit = named.size;
  const known = await listDeadLetters(connection, { ids: [...named], withRedriven: true, limit });
  const missing = [...named].filter((id) => known.every((letter) => letter.id !== id));
  if (missing.length > 0) {
    throw new MillraceError({
      code: 'DEAD_LETTER_UNKNOWN',
      kind: 'permanent',
      message: `There is no dead letter ${missing.join(', ')}. Nothing was changed.`,
      remedy: 'Look with "millrace dead list"; what is older than 30 days is deleted.',
    });
  }
  return await listDeadLetters(connection, { ...filter, ids: [...named] });
}

function checkChosen(ids: readonly string[], flags: ChosenFlags): void {
  const { reason, tenant, since, until, all } = flags;
  const isChosen = [reason, tenant, since, until, all].some((given) => given !== undefined);
  if (ids.length > 0 || isChosen) return;
  throw new MillraceError({
    code: 'DEAD_LETTERS_NOT_CHOSEN',
    kind: 'permanent',
    message: 'It does not say which dead letters. Nothing was changed.',
    remedy: 'Name their ids, or a filter (--reason, --since, …), or --all.',
  });
}

function notAllRedriven(left: number, of: number): MillraceError {
  return new MillraceError({
    code: 'DEAD_LETTERS_LEFT',
    kind: 'permanent',
    message: `${left} of ${of} dead letters were not sent again, for the reasons above.`,
    remedy: 'Do the same again once the reason is gone: what was sent counts once.',
  });
}
