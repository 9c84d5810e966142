import { ADDRESS_ZERO, compareAddress, formatAddress, type Address } from '@millrace/model';
import { readRecords, TOPIC_SERIES, type Stream } from '@millrace/stream';
import { decodeSeriesRecordHeader, LIVE_SOURCE } from '@millrace/wire';
import type { Findings } from '../findings.ts';
import type { PartitionPlan } from '../plan.ts';

/**
 * What the transformer put out must follow up to the mark without a hole: records may repeat what
 * was put out before, and none may begin behind where the ones before it end.
 */
export async function checkSeries(
  stream: Stream,
  plan: PartitionPlan,
  params: Readonly<{ findings: Findings; waitMsMax: number; signal?: AbortSignal | undefined }>,
): Promise<void> {
  const { partition, mark, logId } = plan;
  const { findings, waitMsMax, signal } = params;
  const { start, end } = await stream.bounds(TOPIC_SERIES, partition);
  // Nothing was applied, or all of it is past the retention: there is nothing to wait for.
  if (compareAddress(mark, ADDRESS_ZERO) === 0 || start === end) return;
  const range = {
    topic: TOPIC_SERIES,
    partition,
    from: start,
    to: Infinity,
    waitMsMax,
    signal,
  } as const;
  // Up to the mark it must be there, so what another process does not see yet is waited for.
  let covered: Address | undefined;
  for await (const { payload } of readRecords(stream, range)) {
    const header = decodeSeriesRecordHeader(payload);
    if (header.logId !== logId || header.source !== LIVE_SOURCE) continue;
    if (covered !== undefined && compareAddress(header.from, covered) > 0) {
      tell(findings, partition, covered, header.from);
    }
    if (covered === undefined || compareAddress(header.to, covered) > 0) covered = header.to;
    if (compareAddress(covered, mark) >= 0) return;
  }
  if (covered !== undefined) tell(findings, partition, covered, mark);
}

function tell(findings: Findings, partition: number, covered: Address, next: Address): void {
  const [from, to] = [formatAddress(covered), formatAddress(next)];
  findings.add('series_gap', {
    ...{ partition, offset: covered.offset, expected: from, found: to },
    message:
      `Partition ${partition} of metrics.series lacks what was put out from ${from} to ${to}, ` +
      'which lies below the mark of the store.',
  });
}
