import type { RulesHistory } from '@millrace/control';
import type { CompletionRun, MarkedWindows, StoredPosition } from '@millrace/store';
import { TOPIC_EVENTS } from '@millrace/stream';
import { LATE_RETAIN_US } from '@millrace/wire';
import type { CompleteComponents } from './complete-components.ts';
import type { PartitionTask } from './complete-partition.ts';
import type { CompletionTally } from './complete-report.ts';
import type { CompleteSettings } from './complete-settings.ts';
import { wholeFrom } from './edition-rules.ts';
import { logIdAt } from './partition-starts.ts';
import type { EditionRules } from './wanted-windows.ts';

/** Pieces are put out at whole seconds. */
export const SECOND_US = 1_000_000;

/** What windows are computed with, by whoever looks at them. */
export interface ComputeParts extends Pick<
  CompleteComponents,
  'stream' | 'onProgress' | 'giveWay' | 'signal'
> {
  settings: Pick<CompleteSettings, 'logWaitMsMax' | 'samplesMax' | 'identitiesMax'>;
  history: RulesHistory;
  run: Pick<CompletionRun, 'look'>;
  tally: CompletionTally;
}

/** The same of a run that changes them. */
export interface PageParts extends ComputeParts {
  run: CompletionRun;
}

/** Undefined: the log that is there is not the one that was stored. */
export async function taskOf(
  parts: ComputeParts,
  { positions, editions }: MarkedWindows,
  { rules, live }: Readonly<{ rules: ReadonlyMap<number, EditionRules>; live: StoredPosition }>,
): Promise<PartitionTask | undefined> {
  const { stream, settings, history, tally, signal } = parts;
  const { partition, logId, logNumber, partitionTimeUs = -Infinity } = live;
  const { logWaitMsMax, samplesMax, identitiesMax } = settings;
  const { start } = await stream.bounds(TOPIC_EVENTS, partition);
  tally.noteStart(partition, start);
  const at = { stream, partition, start, logWaitMsMax, signal };
  const found = await logIdAt(at);
  if (found !== undefined && found !== logId) return undefined;
  // What jobs have put out may be of records that live folding has not put out yet.
  const marks = positions.filter((one) => one.partition === partition && one.logId === logId);
  return {
    place: { ...at, logId, logNumber },
    to: Math.max(...marks.map(({ mark }) => (mark.ordinal > 0 ? mark.offset + 1 : mark.offset))),
    recentUs: partitionTimeUs - LATE_RETAIN_US - SECOND_US,
    editions: [...rules.values()],
    settings: history.newest!.settings,
    ...{ samplesMax, identitiesMax },
    isPartial: ({ edition, widthUs, startUs }) => startUs < wholeFrom(editions, edition, widthUs),
    onRead: async (records) => {
      tally.records += records;
      signal?.throwIfAborted();
      parts.onProgress?.({ ...tally.counts, records: tally.records });
      await parts.giveWay?.();
    },
  };
}
