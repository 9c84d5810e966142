import { TOPIC_CONTROL } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord, type PartitionLoss } from '@millrace/wire';
import type { ControlParts } from './control-parts.ts';
import { notBegun } from './control-errors.ts';
import { HistoryReader } from './read-history.ts';

/**
 * Notes for good that these losses are known. May be repeated: the most that was ever said counts.
 *
 * @throws MillraceError CONTROL_NOT_BEGUN, CONTROL_…, what the log throws.
 */
export async function acknowledgeLosses(
  {
    stream,
    clock,
    history = new HistoryReader(stream),
  }: ControlParts & { history?: HistoryReader },
  losses: readonly PartitionLoss[],
  note: string,
): Promise<void> {
  if ((await history.read()).newest === undefined) throw notBegun();
  const producer = stream.producer();
  try {
    const record = encodeControlRecord({
      kind: ControlRecordKind.acknowledgement,
      losses: losses.map(({ partition, logId, samples }) => ({ partition, logId, samples })),
      note,
      acknowledgedAtUs: clock.nowUs(),
    });
    await producer.append(TOPIC_CONTROL, 0, record);
  } finally {
    await producer.close();
  }
}
