import {
  detectFormat,
  fileTime,
  noProgress,
  progressPath,
  readProgress,
  REQUEST_DEFAULTS,
  scanFile,
  sendFile,
  STRETCH_DEFAULTS,
  writeProgress,
  type BackfillProgress,
  type BackfillTarget,
  type FileScan,
} from '@millrace/backfill';
import { MillraceError, type Clock } from '@millrace/runtime';
import type { ConsoleOutput } from '../console-output.ts';
import { readSettingsOf, type BackfillFlags } from './backfill-flags.ts';
import type { BackfillShow } from './backfill-show.ts';

/** A file that was looked through, and how it is read. */
export interface ScannedFile {
  scan: FileScan;
  send: (target: BackfillTarget, show: BackfillShow) => Promise<BackfillProgress>;
  /** How far it is sent already; undefined: nothing of it, as far as is known. */
  progress: BackfillProgress | undefined;
}

export interface BackfillParts {
  clock: Clock;
  output: ConsoleOutput;
  signal: AbortSignal;
}

/** A sample may lie this far ahead of its arrival; what lies further is refused by every receiver. */
const FUTURE_US = 5 * 60_000_000;
const FAULTS_SHOWN_MAX = 20;
const AWAY_MS_MAX = 10 * 60_000;

/** Reads a file from beginning to end, and finds how far it is sent. */
export async function scanned(
  parts: BackfillParts,
  path: string,
  flags: BackfillFlags,
  show: BackfillShow,
): Promise<ScannedFile> {
  const { clock, signal } = parts;
  const format = flags.format ?? (await detectFormat(path));
  const settings = readSettingsOf(flags, format);
  const time = fileTime(settings);
  const stretch = { ...STRETCH_DEFAULTS, samplesMax: flags.atOnce };
  const scan = await scanFile({
    ...{ path, settings, time, stretch, signal },
    latestUs: clock.nowUs() + FUTURE_US,
    countBeforeUs: [],
    faultsMax: FAULTS_SHOWN_MAX,
    onBytes: (bytes) => show.reading(path, bytes),
  });
  const noted = progressPath(path, flags.progressDir);
  const progress = flags.restart === true ? undefined : await readProgress(noted, scan.digest);
  const send = async (target: BackfillTarget, shown: BackfillShow): Promise<BackfillProgress> => {
    const startedAt = new Date(clock.nowUs() / 1000).toISOString();
    const from = progress ?? noProgress(scan.digest, startedAt);
    await checkLog(target, from, noted);
    const sending = { path, settings, time, progress: from, target, clock, signal };
    const limits = { stretch, request: REQUEST_DEFAULTS };
    return await sendFile(
      {
        ...sending,
        save: async (one) => await writeProgress(noted, one),
        onStep: (one) => shown.sent(scan, one),
        onWait: (why) => shown.waiting(why),
      },
      { ...limits, samplesPerSecond: flags.rate, awayMsMax: AWAY_MS_MAX },
    );
  };
  return { scan, send, progress };
}

/** What is noted as sent is in the log that the receiver writes. */
async function checkLog(
  target: BackfillTarget,
  { tokens }: BackfillProgress,
  noted: string,
): Promise<void> {
  for (const token of tokens) {
    try {
      await target.stored(token);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'INVALID_TOKEN') throw error;
      throw new MillraceError({
        code: 'BACKFILL_OTHER_LOG',
        kind: 'permanent',
        message: `What ${noted} says was sent went to another log than this receiver's.`,
        remedy: 'Send all of it to this one with --restart, or name the other receiver with --url.',
        cause: error,
      });
    }
  }
}
