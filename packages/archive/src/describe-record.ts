import { errorKind } from '@millrace/runtime';
import { TOPIC_EVENTS } from '@millrace/stream';
import { ColumnRoom, decodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import type { ArchivedTopic } from './range.ts';

/** What stands beside a record's bytes, so that people can search without reading them. */
export interface RecordDescription {
  kind: string;
  receivedAtUs: number | undefined;
  tenant: string | undefined;
  protocol: string | undefined;
  samples: number;
  /** Of its samples; undefined: it has none. */
  timeMinUs: number | undefined;
  timeMaxUs: number | undefined;
}

const NOTHING: Omit<RecordDescription, 'kind'> = {
  ...{ receivedAtUs: undefined, tenant: undefined, protocol: undefined },
  ...{ samples: 0, timeMinUs: undefined, timeMaxUs: undefined },
};

const KIND_NAMES = new Map<number, string>(
  Object.entries(EventsRecordKind).map(([name, kind]) => [kind, name]),
);

/** Reads records one after the other. One that cannot be read is archived like any other. */
export function recordDescriber(topic: ArchivedTopic): (payload: Uint8Array) => RecordDescription {
  if (topic !== TOPIC_EVENTS) return () => ({ ...NOTHING, kind: 'checkpoint' });
  const room = new ColumnRoom();
  return (payload) => {
    try {
      return describeEvents(payload, room);
    } catch (error) {
      if (errorKind(error) !== 'permanent') throw error;
      return { ...NOTHING, kind: 'unreadable' };
    }
  };
}

function describeEvents(payload: Uint8Array, room: ColumnRoom): RecordDescription {
  const record = decodeEventsRecord(payload, room);
  const kind = KIND_NAMES.get(record.kind) ?? 'unknown';
  if (record.kind === EventsRecordKind.tick) {
    return { ...NOTHING, kind, receivedAtUs: record.receivedAtUs };
  }
  if (record.kind !== EventsRecordKind.data) return { ...NOTHING, kind };
  const { receivedAtUs, tenant, protocol, times } = record;
  let min = Infinity;
  let max = -Infinity;
  for (const time of times) {
    if (time < min) min = time;
    if (time > max) max = time;
  }
  const hasTime = min <= max;
  return {
    ...{ kind, receivedAtUs, tenant, protocol, samples: times.length },
    timeMinUs: hasTime ? min : undefined,
    timeMaxUs: hasTime ? max : undefined,
  };
}
