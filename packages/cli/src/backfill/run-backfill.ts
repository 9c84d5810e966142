import type { BackfillProgress, FileScan } from '@millrace/backfill';
import { listenForShutdown, MillraceError, systemClock } from '@millrace/runtime';
import type { CliContext } from '../cli-context.ts';
import type { ConsoleOutput } from '../console-output.ts';
import { jsonText } from '../json-text.ts';
import { receiverUrl } from '../receiver-client.ts';
import { scanned, type BackfillParts, type ScannedFile } from './backfill-files.ts';
import type { BackfillFlags } from './backfill-flags.ts';
import { ledgerChange } from './backfill-ledger.ts';
import { canReadStore, completeBackfilled } from './complete-backfilled.ts';
import { shownRulesLines } from './shown-rules.ts';
import { showBackfill } from './backfill-show.ts';
import { faultLines, formatBackfill, formatScan, type BackfillResult } from './backfill-text.ts';
import { httpTarget } from './http-target.ts';
import { checkKept, keptTimes, retentionLines, type KeptTimes } from './retention-notice.ts';
import { untoldRefusals } from './untold-refusals.ts';

const START = 'Start it with "millrace up".';

/** Looks through all files first, and sends nothing while one of them has faults. */
export async function runBackfill(
  context: CliContext,
  files: readonly string[],
  flags: BackfillFlags,
): Promise<void> {
  const { output, environment } = context;
  const shutdown = listenForShutdown();
  const show = showBackfill(output);
  const times = await keptTimes(environment, systemClock.nowUs());
  const parts: BackfillParts = { clock: systemClock, signal: shutdown.signal, show, times };
  try {
    const found: ScannedFile[] = [];
    for (const file of files) found.push(await scanned(parts, file, flags));
    show.end();
    tellScans(context, flags, found, times);
    const scans = found.map(({ scan }) => scan);
    checkFaults(scans, flags);
    if (flags.yes !== true) checkKept(scans, times);
    if (flags.dryRun !== true) await sendAll(context, parts, { found, flags });
  } catch (error) {
    show.end();
    if (shutdown.signal.aborted) throw left(error);
    throw error;
  } finally {
    shutdown.dispose();
  }
}

function tellScans(
  { output }: CliContext,
  flags: BackfillFlags,
  found: readonly ScannedFile[],
  times: KeptTimes,
): void {
  const isJson = flags.json === true;
  for (const { scan } of found) {
    if (!isJson) output.notice(formatScan(scan));
    for (const line of faultLines(scan)) output.notice(line);
    for (const line of retentionLines(scan, times)) output.notice(line);
  }
  if (isJson && flags.dryRun === true) output.result(jsonText(found.map(({ scan }) => scan)));
}

async function sendAll(
  context: CliContext,
  parts: BackfillParts,
  { found, flags }: Readonly<{ found: ScannedFile[]; flags: BackfillFlags }>,
): Promise<void> {
  const { output } = context;
  const { signal, show } = parts;
  let url = await receiverUrl(context, flags, START);
  const findUrl = async (): Promise<string> => {
    // Who names a receiver means that one; the process of a directory may be another by now.
    if (flags.url === undefined) url = await receiverUrl(context, flags, START).catch(() => url);
    return url;
  };
  const target = httpTarget({ findUrl, tenant: flags.tenant, signal });
  const scans = found.map(({ scan }) => scan);
  if (canReadStore(context, flags)) {
    const earliestUs = Math.min(...scans.map((scan) => scan.earliestUs));
    const lines = await shownRulesLines(context, flags.dataDir, earliestUs);
    for (const line of lines) output.notice(line);
  }
  const results: BackfillResult[] = [];
  for (const { scan, send, progress: before } of found) {
    const progress = await sendOne(output, scan, before, () => send(target, show));
    show.end();
    const isNew = before?.finishedAt === undefined || before.finishedAt === null;
    const change = isNew ? await ledgerChange(target, progress, parts) : undefined;
    results.push({ scan, progress, change });
  }
  if (flags.json !== true) for (const one of results) output.result(formatBackfill(one));
  const windows = await completeBackfilled(context, flags, { ...parts, scans, target });
  if (flags.json === true) output.result(jsonText({ files: results, windows: windows ?? null }));
  const untold = untoldRefusals(results, { isSkippingBad: flags.skipBad === true });
  if (untold > 0) throw someRefused(untold);
}

async function sendOne(
  output: ConsoleOutput,
  { path }: FileScan,
  before: BackfillProgress | undefined,
  send: () => Promise<BackfillProgress>,
): Promise<BackfillProgress> {
  if (before !== undefined && before.finishedAt !== null) {
    output.notice(`${path} was sent before, until ${before.finishedAt}: --restart sends it again.`);
  } else if (before !== undefined && before.stretches > 0) {
    output.notice(`${path}: goes on behind ${before.samples} samples sent before.`);
  }
  return await send();
}

function checkFaults(scans: readonly FileScan[], flags: BackfillFlags): void {
  const faults = scans.reduce((sum, one) => sum + one.faults, 0);
  const samples = scans.reduce((sum, one) => sum + one.samples, 0);
  if (faults > 0 && flags.skipBad !== true) {
    throw new MillraceError({
      code: 'BACKFILL_FAULTS',
      kind: 'permanent',
      message: `${faults} records of the files cannot be sent. Nothing was sent, of any file.`,
      remedy: 'Mend them, or send the others with --skip-bad.',
    });
  }
  if (samples > 0) return;
  throw new MillraceError({
    code: 'BACKFILL_EMPTY',
    kind: 'permanent',
    message: 'The files hold no sample. Nothing was sent.',
    remedy: 'Look at the files, and at --format and --nan.',
  });
}

function someRefused(count: number): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_SAMPLES_REFUSED',
    kind: 'permanent',
    message:
      `The receiver refused ${count} samples that nobody was told of, for the reasons above; ` +
      'all that it accepted are stored.',
    remedy: 'Each reason says what can be done; then send these samples in a file of their own.',
  });
}

function left(cause: unknown): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_LEFT',
    kind: 'aborted',
    message: 'Stopped. What was sent is kept, and it is noted how far that is.',
    remedy: 'The same command goes on there.',
    cause,
  });
}
