import { TOPIC_CONTROL } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord } from '@millrace/wire';
import type { ControlParts } from './control-parts.ts';
import type { BoundArchive } from './rules-history.ts';

/**
 * Notes for good which archive the log is bound to; without an id, that it is bound to none any
 * more. May be repeated: of several that are bound the first counts.
 *
 * @throws what the log throws.
 */
export async function noteArchive(
  { stream, clock }: ControlParts,
  { archiveId, where }: Pick<BoundArchive, 'where'> & Partial<BoundArchive>,
): Promise<void> {
  const producer = stream.producer();
  try {
    const kind = ControlRecordKind.archive;
    const record = { kind, archiveId, where, changedAtUs: clock.nowUs() };
    await producer.append(TOPIC_CONTROL, 0, encodeControlRecord(record));
  } finally {
    await producer.close();
  }
}
