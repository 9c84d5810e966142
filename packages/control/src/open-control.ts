import { randomBytes } from 'node:crypto';
import { MillraceError } from '@millrace/runtime';
import { TOPIC_CONTROL, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { ControlRecordKind, encodeControlRecord } from '@millrace/wire';
import type { ChangingParts, ControlParts } from './control-parts.ts';
import { controlLost } from './control-errors.ts';
import { planRules, type WantedRules } from './plan-rules.ts';
import { HistoryReader } from './read-history.ts';
import { nextVersion, recordVersion } from './record-version.ts';
import type { RulesHistory, RulesVersion } from './rules-history.ts';

const LOG_ID_BYTES = 16;

/** `metrics.control` with a version in force. */
export interface OpenControl {
  history: RulesHistory;
  inForce: RulesVersion;
  /** True when this call brought the first version. */
  isFirst: boolean;
}

/**
 * Makes `metrics.control` begin with its first version when it has none; any number of processes
 * may do so at once. Call it before the first record of any partition of the events is written.
 *
 * @throws MillraceError CONTROL_LOST when it is empty beside a log that is not;
 *   CONTROL_PARTITIONS when the log was made with another number of partitions.
 */
export async function openControl(parts: ControlParts, first: WantedRules): Promise<OpenControl> {
  const { stream } = parts;
  const reader = new HistoryReader(stream);
  const known = await reader.read();
  if (known.newest !== undefined) {
    return { history: known, inForce: known.newest, isFirst: false };
  }
  if (await hasEvents(stream)) {
    // Somebody else may have begun both since.
    const again = await reader.read();
    if (again.newest === undefined) throw controlLost();
    return { history: again, inForce: again.newest, isFirst: false };
  }
  const isFirst = await begin({ ...parts, history: reader }, known, first);
  const history = await reader.read();
  if (history.newest === undefined) throw controlLost();
  return { history, inForce: history.newest, isFirst };
}

async function hasEvents(stream: Stream): Promise<boolean> {
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const { end } = await stream.bounds(TOPIC_EVENTS, partition);
    if (end > 0) return true;
  }
  return false;
}

/** False when somebody else was faster. */
async function begin(
  parts: ChangingParts,
  { position }: RulesHistory,
  wanted: WantedRules,
): Promise<boolean> {
  const { stream, clock } = parts;
  const producer = stream.producer();
  try {
    if (position === 0) {
      const record = encodeControlRecord({
        kind: ControlRecordKind.log,
        logId: randomBytes(LOG_ID_BYTES).toString('hex'),
        partitions: stream.partitions,
        firstNumber: Math.floor(clock.nowUs() / 1000),
      });
      await producer.append(TOPIC_CONTROL, 0, record);
    }
    // Whose record is the first one is only known now.
    if ((await parts.history.read()).newest !== undefined) return false;
    const plan = planRules(undefined, wanted);
    await recordVersion(parts, producer, nextVersion(undefined, plan, wanted));
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'RULES_OUTRUN') return false;
    throw error;
  } finally {
    await producer.close();
  }
}
