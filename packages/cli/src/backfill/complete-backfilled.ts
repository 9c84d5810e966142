import type { CompleteReport } from '@millrace/complete';
import type { Clock } from '@millrace/runtime';
import type { FileScan } from '@millrace/backfill';
import type { CliContext } from '../cli-context.ts';
import { completeWindows } from '../complete/complete-windows.ts';
import { formatCompletion } from '../complete/complete-text.ts';
import { isDistributed } from '../distributed/is-distributed.ts';
import { formatTimeUs } from '../quantities.ts';
import type { BackfillFlags } from './backfill-flags.ts';
import type { ReceiverTarget } from './http-target.ts';
import { untilPiecesAreStored } from './until-pieces-are-stored.ts';

const HOUR_US = 3_600_000_000;

/**
 * Completes the windows that a backfill marked, where log and store can be read from here; else
 * tells who does. Undefined: it was not done.
 */
export async function completeBackfilled(
  context: CliContext,
  flags: BackfillFlags,
  params: Readonly<{
    scans: readonly FileScan[];
    target: ReceiverTarget;
    clock: Clock;
    signal: AbortSignal;
  }>,
): Promise<CompleteReport | undefined> {
  const { output, program } = context;
  const { scans, target, clock, signal } = params;
  const sinceUs = Math.min(...scans.map(({ earliestUs }) => earliestUs));
  const untilUs = Math.max(...scans.map(({ latestUs }) => latestUs)) + HOUR_US;
  if (flags.complete === false || !canReadStore(context, flags)) {
    output.notice(
      `Windows in which something could not be told from what was there are marked; "${program} ` +
        `reprocess --marked --since ${formatTimeUs(sinceUs)}" computes them again.`,
    );
    return undefined;
  }
  await untilPiecesAreStored(target, { clock, signal });
  const report = await completeWindows(context, flags.dataDir, {
    ...{ sinceUs, untilUs, tenant: flags.tenant },
  });
  if (flags.json !== true && report.marked > 0) {
    output.result(formatCompletion(report, output.colours));
  }
  return report;
}

/** Whether log and store can be read from here, and are those of the receiver. */
export function canReadStore({ environment }: CliContext, flags: BackfillFlags): boolean {
  const isNamed = flags.url !== undefined || (environment['MILLRACE_URL'] ?? '') !== '';
  return flags.dataDir !== undefined || !isNamed || isDistributed(environment);
}
