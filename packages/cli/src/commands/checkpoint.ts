import { InvalidArgumentError, type Command } from 'commander';
import type { CheckpointOutcome } from '@millrace/checkpoint';
import { MillraceError, systemClock } from '@millrace/runtime';
import { bytesReadLine } from '../bytes-read-line.ts';
import { isShared, openLogView } from '../checkpoints/checkpoint-place.ts';
import {
  formatCheckpoints,
  formatOutcomes,
  formatRestored,
} from '../checkpoints/checkpoints-text.ts';
import type { CheckpointsLook } from '../checkpoints/look-at-checkpoints.ts';
import { dataDirOf, type CliContext } from '../cli-context.ts';
import { jsonText } from '../json-text.ts';
import { formatBytes } from '../quantities.ts';
import { askForCheckpoints, receiverUrl } from '../receiver-client.ts';
import { stoppable } from '../stoppable.ts';

interface CheckpointFlags {
  json?: boolean;
  dataDir?: string;
  url?: string;
}

interface RestoreFlags {
  partition: number;
  atMost: number;
}

export function addCheckpointCommand(program: Command, context: CliContext): void {
  const checkpoint = program
    .command('checkpoint')
    .description('copies of the state in the log: make one, see and check those there are');
  const withFlags = (command: Command): Command =>
    command.option('--json', 'print JSON').option('--data-dir <dir>', 'the data directory');
  withFlags(
    checkpoint
      .command('now')
      .description('make one of each partition: the running process does, or on Kafka this one')
      .option('--url <url>', 'the running process (MILLRACE_URL; else that of the data directory)'),
  ).action(async (flags: CheckpointFlags) => await now(context, flags));
  withFlags(
    checkpoint
      .command('list')
      .description('show those that there are, and whether a lost state could go on from them'),
  ).action(async (flags: CheckpointFlags) => {
    show(context, flags, await look(context, flags, false));
  });
  withFlags(
    checkpoint
      .command('verify')
      .description('read every byte of them and the states in them; exits with 1 on damage'),
  ).action(async (flags: CheckpointFlags) => await verify(context, flags));
  withFlags(
    checkpoint
      .command('restore')
      .description('put the state of a partition back, so that what follows is put out again')
      .requiredOption('--partition <number>', 'which one', wholeNumber)
      .requiredOption('--at-most <position>', 'back to here or before', wholeNumber),
  ).action(async (flags: CheckpointFlags & RestoreFlags) => await restore(context, flags));
}

async function restore(context: CliContext, flags: CheckpointFlags & RestoreFlags): Promise<void> {
  const { output } = context;
  const { restorePartition } = await import('../checkpoints/restore-partition.ts');
  const { partition, atMost: positionMax } = flags;
  const dataDir = dataDirFlag(context, flags);
  const restored = await stoppable((signal) =>
    restorePartition(context, { dataDir, partition, positionMax, signal, onNotice: output.notice }),
  );
  if (flags.json === true) output.result(jsonText({ partition, ...restored }));
  else output.result(formatRestored(partition, restored));
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

async function now(context: CliContext, flags: CheckpointFlags): Promise<void> {
  const { output } = context;
  const isTold = flags.json === true;
  let outcomes: CheckpointOutcome[];
  if (flags.url === undefined && isShared(context, flags.dataDir)) {
    const { makeSharedCheckpoints } = await import('../checkpoints/make-shared.ts');
    const onOutcome = (outcome: CheckpointOutcome): void => {
      if (!isTold) output.result(formatOutcomes([outcome], output.colours));
    };
    outcomes = await stoppable((signal) => makeSharedCheckpoints(context, { signal, onOutcome }));
  } else {
    const otherwise = 'Start it with "millrace up"; a clean stop made a checkpoint.';
    const url = await receiverUrl(context, flags, otherwise);
    outcomes = (await askForCheckpoints(url)).partitions;
    if (!isTold) output.result(formatOutcomes(outcomes, output.colours));
  }
  if (isTold) output.result(jsonText({ partitions: outcomes }));
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed').length;
  if (failed > 0) throw notAllMade(failed, outcomes.length);
}

async function look(
  context: CliContext,
  flags: CheckpointFlags,
  decodes: boolean,
): Promise<CheckpointsLook> {
  const { lookAtCheckpoints } = await import('../checkpoints/look-at-checkpoints.ts');
  const stream = await openLogView(context, dataDirFlag(context, flags));
  try {
    const onBytes = bytesReadLine(context.output);
    return await lookAtCheckpoints(stream, { decodes, nowUs: systemClock.nowUs(), onBytes });
  } finally {
    await stream.close();
  }
}

/** A data directory of the environment stands back behind KAFKA_BROKERS. */
function dataDirFlag(context: CliContext, { dataDir }: CheckpointFlags): string | undefined {
  return isShared(context, dataDir) ? undefined : dataDirOf(context, dataDir);
}

function show(context: CliContext, flags: CheckpointFlags, found: CheckpointsLook): void {
  const { output } = context;
  if (flags.json === true) output.result(jsonText(found));
  else output.result(formatCheckpoints(found, output.colours));
}

async function verify(context: CliContext, flags: CheckpointFlags): Promise<void> {
  const found = await look(context, flags, true);
  show(context, flags, found);
  const { checkpoints, unreadable } = found;
  const damaged = checkpoints.filter(({ damage }) => damage !== undefined).length;
  if (damaged + unreadable.length > 0) throw damagedFound(damaged, unreadable.length);
  if (flags.json === true) return;
  const whole = checkpoints.filter(({ isComplete }) => isComplete);
  const bytes = whole.reduce((sum, one) => sum + one.bytes, 0);
  context.output.result(`${whole.length} checked, ${formatBytes(bytes)}: none is damaged.`);
}

function damagedFound(damaged: number, unreadable: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINTS_DAMAGED',
    kind: 'permanent',
    message:
      `${damaged} checkpoints are damaged, and ${unreadable} records cannot be read. States and ` +
      'the log do not depend on them; a lost state goes on from an older checkpoint.',
    remedy: 'Make new ones with "millrace checkpoint now", and check the disk.',
  });
}

function notAllMade(failed: number, all: number): MillraceError {
  return new MillraceError({
    code: 'CHECKPOINT_NOT_MADE',
    kind: 'transient',
    message: `Of ${failed} of ${all} partitions no checkpoint could be made. Events are kept as before.`,
    remedy: 'See the reasons above, and do it again: those that were made stay.',
  });
}
