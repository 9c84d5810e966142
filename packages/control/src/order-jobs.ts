import { TOPIC_CONTROL } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord } from '@millrace/wire';
import type { ChangingParts, ControlParts } from './control-parts.ts';
import { candidateUnknown, notBegun } from './control-errors.ts';
import { HistoryReader } from './read-history.ts';
import type { JobsOrder } from './rules-history.ts';

/**
 * Says how a candidate's jobs are to go on. May be repeated: the newest counts.
 *
 * @throws MillraceError CONTROL_NOT_BEGUN, CANDIDATE_UNKNOWN, what the log throws.
 */
export async function orderJobs(
  parts: ControlParts & Partial<ChangingParts>,
  candidate: number,
  change: Partial<JobsOrder>,
): Promise<JobsOrder> {
  const { stream, clock, history = new HistoryReader(stream) } = parts;
  const known = await history.read();
  if (known.newest === undefined) throw notBegun();
  const numbers = known.newest.candidates.map(({ number }) => number);
  if (!numbers.includes(candidate)) throw candidateUnknown(candidate, numbers);
  const order = { ...known.jobsOrder(candidate), ...change };
  const producer = stream.producer();
  try {
    const record = { kind: ControlRecordKind.jobs, candidate, changedAtUs: clock.nowUs() };
    await producer.append(TOPIC_CONTROL, 0, encodeControlRecord({ ...record, ...order }));
  } finally {
    await producer.close();
  }
  return order;
}
