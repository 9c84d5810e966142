import type { Command } from 'commander';
import type { Stream } from '@millrace/stream';
import { MillraceError } from '@millrace/runtime';
import { bytesReadLine } from '../bytes-read-line.ts';
import type { CliContext } from '../cli-context.ts';
import { jsonText } from '../json-text.ts';
import { formatBytes } from '../quantities.ts';
import { stoppable } from '../stoppable.ts';

interface ArchiveFlags {
  json?: boolean;
  dataDir?: string;
}

interface ForgetFlags extends ArchiveFlags {
  yes?: boolean;
}

export function addArchiveCommand(program: Command, context: CliContext): void {
  const archive = program
    .command('archive')
    .description('the log where it is kept for good (MILLRACE_ARCHIVE__URL): see, check, fill it');
  const withFlags = (command: Command): Command =>
    command.option('--json', 'print JSON').option('--data-dir <dir>', 'the data directory');
  withFlags(
    archive.command('status').description('show what is archived, and how much of the log is not'),
  ).action(async (flags: ArchiveFlags) => await status(context, flags));
  withFlags(
    archive
      .command('verify')
      .description('read every byte of it and every record in it; exits with 1 on damage or gaps'),
  ).action(async (flags: ArchiveFlags) => await verify(context, flags));
  withFlags(
    archive
      .command('run')
      .description('archive now what is closed, also while processes do, or while none runs')
      .option('--all', 'up to the end of the log, in ranges that are smaller than usual'),
  ).action(async (flags: ArchiveFlags & { all?: boolean }) => await run(context, flags));
  withFlags(
    archive
      .command('forget')
      .description('let the log forget what is in no archive, or be bound to another one')
      .option('--yes', 'do not ask'),
  ).action(async (flags: ForgetFlags) => await forget(context, flags));
}

async function status(context: CliContext, flags: ArchiveFlags): Promise<void> {
  const { output } = context;
  const { bindingOf, openSetArchive } = await import('../archive/archive-place.ts');
  const { openLogView } = await import('../checkpoints/checkpoint-place.ts');
  const { lookBesideLog } = await import('../archive/look-beside-log.ts');
  const { formatArchive } = await import('../archive/archive-text.ts');
  const { files } = await openSetArchive(context, flags.dataDir);
  const log = {
    open: () => openLogView(context, flags.dataDir),
    bindingOf: (stream: Stream) => bindingOf(context, flags.dataDir, stream),
  };
  const look = await stoppable((signal) => lookBesideLog(files, log, signal));
  output.result(flags.json === true ? jsonText(look) : formatArchive(look, output.colours));
}

async function verify(context: CliContext, flags: ArchiveFlags): Promise<void> {
  const { output } = context;
  const { openSetArchive } = await import('../archive/archive-place.ts');
  const { verifyArchive } = await import('@millrace/archive');
  const { formatReport } = await import('../archive/archive-text.ts');
  const { withBoundFiles } = await import('../archive/with-bound-files.ts');
  const { files: found } = await openSetArchive(context, flags.dataDir);
  const onRange = bytesReadLine(output);
  const report = await stoppable((signal) =>
    withBoundFiles({ context, dataDir: flags.dataDir }, found, (files) =>
      verifyArchive({ files, signal, onRange }),
    ),
  );
  output.result(flags.json === true ? jsonText(report) : formatReport(report, output.colours));
  if (report.faults.length > 0) throw faultsFound(report.faults.length);
}

async function run(context: CliContext, flags: ArchiveFlags & { all?: boolean }): Promise<void> {
  const { output } = context;
  const { archiveNow } = await import('../archive/archive-now.ts');
  const isJson = flags.json === true;
  const done = await stoppable((signal) =>
    archiveNow(context, {
      ...{ dataDir: flags.dataDir, isAll: flags.all === true, signal },
      onRange: ({ partition, from, to, records }) => {
        const bytes = formatBytes(records.bytes);
        if (!isJson) output.result(`partition ${partition}: ${from} to ${to}, ${bytes}`);
      },
    }),
  );
  if (isJson) {
    output.result(jsonText({ partitions: done }));
    return;
  }
  const waiting = done.reduce((sum, { end, position }) => sum + Math.max(0, end - position), 0);
  const rest = flags.all === true ? '' : ' --all archives them, too.';
  output.result(
    waiting === 0 ? 'All is archived.' : `${waiting} records wait for a range to close.${rest}`,
  );
}

async function forget(context: CliContext, flags: ForgetFlags): Promise<void> {
  const { output } = context;
  const { forgetArchive } = await import('../archive/forget-archive.ts');
  const how = { dataDir: flags.dataDir, isAsked: flags.yes === true };
  const forgotten = await forgetArchive(context, how);
  if (flags.json === true) output.result(jsonText({ forgotten: forgotten ?? null }));
  else if (forgotten === undefined) output.result('The log is bound to no archive.');
  else {
    output.result(
      `The archive at ${forgotten.where} is forgotten. Processes with MILLRACE_ARCHIVE__URL bind ` +
        'the log to what is there now; without it the log forgets as if there never was one.',
    );
  }
}

function faultsFound(faults: number): MillraceError {
  return new MillraceError({
    code: 'ARCHIVE_FAULTS',
    kind: 'permanent',
    message:
      `The archive has ${faults} faults. What is stored does not depend on it; the past that ` +
      'lies there cannot be folded again.',
    remedy:
      'Put the files back from a copy or from older versions of them. While the log still holds ' +
      'a range, remove its manifest, and "millrace archive run" makes it again.',
  });
}
