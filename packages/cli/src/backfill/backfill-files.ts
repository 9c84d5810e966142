import {
  checkUnchanged,
  detectFormat,
  fileTime,
  noProgress,
  OTHER_TENANT_SERIES_MAX,
  progressPath,
  readProgress,
  REQUEST_DEFAULTS,
  scanFile,
  sendFile,
  stampFile,
  STRETCH_DEFAULTS,
  writeProgress,
  type BackfillProgress,
  type BackfillTarget,
  type FileSending,
  type FileScan,
} from '@millrace/backfill';
import { MillraceError, type Clock } from '@millrace/runtime';
import { readSettingsOf, type BackfillFlags } from './backfill-flags.ts';
import { countsOf } from './backfill-ledger.ts';
import type { BackfillShow } from './backfill-show.ts';
import type { ReceiverTarget } from './http-target.ts';
import type { KeptTimes } from './retention-notice.ts';

/** A file that was looked through, and how it is read. */
export interface ScannedFile {
  scan: FileScan;
  /** Nothing where all of it was sent to the same log before. */
  send: (target: ReceiverTarget, show: BackfillShow) => Promise<BackfillProgress>;
  /** How far it is sent already; undefined: nothing of it, as far as is known. */
  progress: BackfillProgress | undefined;
}

export interface BackfillParts {
  clock: Clock;
  signal: AbortSignal;
  show: BackfillShow;
  times: KeptTimes;
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
): Promise<ScannedFile> {
  const { clock, signal, show, times } = parts;
  const stamp = await stampFile(path);
  const format = flags.format ?? (await detectFormat(path));
  const settings = readSettingsOf(flags, format);
  const time = fileTime(settings);
  const sending = sendingOf(flags);
  const scan = await scanFile({
    ...{ path, settings, time, sending, signal },
    latestUs: clock.nowUs() + FUTURE_US,
    countBeforeUs: times.countBeforeUs,
    faultsMax: FAULTS_SHOWN_MAX,
    onBytes: (bytes) => show.reading(path, bytes),
  });
  const noted = progressPath(path, flags.progressDir);
  const progress = flags.restart === true ? undefined : await readProgress(noted, scan.digest);
  const send = async (target: ReceiverTarget, shown: BackfillShow): Promise<BackfillProgress> => {
    const from = progress ?? (await begun(parts, target, scan.digest));
    await checkLog(target, from, noted);
    if (from.finishedAt !== null) return from;
    await checkUnchanged(path, stamp);
    return await sendFile(
      {
        ...{ path, settings, time, progress: from, target, clock, signal },
        save: async (one) => {
          // Before it is noted as finished, too.
          await checkUnchanged(path, stamp);
          await writeProgress(noted, one);
        },
        onStep: (one) => shown.sent(scan, one),
        onWait: (why) => shown.waiting(why),
      },
      { ...sending, samplesPerSecond: flags.rate, awayMsMax: AWAY_MS_MAX },
    );
  };
  return { scan, send, progress };
}

function sendingOf({ atOnce, tenant }: BackfillFlags): FileSending {
  const stretch = { ...STRETCH_DEFAULTS, samplesMax: atOnce };
  const { seriesMax } = REQUEST_DEFAULTS;
  const request = {
    ...REQUEST_DEFAULTS,
    seriesMax: tenant === undefined ? seriesMax : Math.min(seriesMax, OTHER_TENANT_SERIES_MAX),
  };
  return { stretch, request, tenant };
}

async function begun(
  { clock }: BackfillParts,
  target: ReceiverTarget,
  digest: string,
): Promise<BackfillProgress> {
  const ledger = await target.ledger();
  const startedAt = new Date(clock.nowUs() / 1000).toISOString();
  return {
    ...noProgress(digest, startedAt),
    before: ledger === undefined ? null : countsOf(ledger),
  };
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
