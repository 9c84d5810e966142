import type { LabelSet } from '@millrace/model';
import {
  createMeter,
  MillraceError,
  silentLog,
  systemClock,
  type Clock,
  type Meter,
} from '@millrace/runtime';
import { TOPIC_EVENTS, type Producer, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  decodeEventsRecord,
  DefinitionReader,
  EventsRecordKind,
  type DataRecord,
} from '@millrace/wire';
import { createReceiver, type Receiver, type ReceiverComponents } from '../receiver.ts';
import { receiverSettings, type ReceiverSettings } from '../settings.ts';

/** A receiver on a free port and a log in memory, and what a test wants to know of both. */
export interface StartedReceiver {
  url: string;
  receiver: Receiver;
  stream: Stream;
  meter: Meter;
  /** All data records in the log, by partition, then offset. */
  records(): Promise<DataRecord[]>;
  /** All samples in the log. */
  samples(): Promise<FoundSample[]>;
  post(
    path: string,
    body: NonNullable<RequestInit['body']>,
    headers?: Record<string, string>,
  ): Promise<Response>;
  /** `POST /v1/events` with a JSON body. */
  push(body: unknown, headers?: Record<string, string>): Promise<Response>;
  stop(): Promise<void>;
}

export interface FoundSample {
  partition: number;
  labels: Record<string, string>;
  kind: number;
  timeUs: number;
  value: number;
  flags: number;
}

export interface StartOptions {
  settings?: Partial<ReceiverSettings>;
  components?: Partial<ReceiverComponents>;
  clock?: Clock;
  partitions?: number;
  /** Stands between the receiver and the log. */
  wrapProducer?: (producer: Producer) => Producer;
}

export async function startReceiver(options: StartOptions = {}): Promise<StartedReceiver> {
  const clock = options.clock ?? systemClock;
  const log = new MemoryLog({ partitions: options.partitions ?? 4, clock });
  const stream = openMemoryStream(log);
  const meter = createMeter();
  const { wrapProducer } = options;
  const seen: Stream = {
    partitions: stream.partitions,
    producer: () => wrapProducer?.(stream.producer()) ?? stream.producer(),
    reader: (topic, partition, position) => stream.reader(topic, partition, position),
    bounds: async (topic, partition) => await stream.bounds(topic, partition),
    release: async (topic, partition, position) => await stream.release(topic, partition, position),
    close: async () => await stream.close(),
  };
  const receiver = createReceiver(
    {
      stream: seen,
      clock,
      log: silentLog,
      meter,
      logIds: Array.from({ length: stream.partitions }, () => undefined),
      ...options.components,
    },
    receiverSettings({ port: 0, ...options.settings }),
  );
  const { host, port } = await receiver.listen();
  const url = `http://${host}:${port}`;
  const post: StartedReceiver['post'] = async (path, body, headers = {}) =>
    await fetch(url + path, { method: 'POST', body, headers });
  const records = async (): Promise<DataRecord[]> =>
    (await readRecords(stream)).map((r) => r.record);
  return {
    url,
    receiver,
    stream,
    meter,
    records,
    samples: async () => samplesOf(await readRecords(stream)),
    post,
    push: async (body, headers = {}) =>
      await post('/v1/events', JSON.stringify(body), {
        'content-type': 'application/json',
        ...headers,
      }),
    stop: async () => {
      await receiver.stop();
      await stream.close();
    },
  };
}

/** A transient error of a log that cannot take a record now. */
export function logUnavailable(): MillraceError {
  return new MillraceError({
    code: 'STREAM_BROKEN',
    kind: 'transient',
    message: 'the disk of the test is full',
  });
}

async function readRecords(stream: Stream): Promise<{ partition: number; record: DataRecord }[]> {
  const found: { partition: number; record: DataRecord }[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const { start, end } = await stream.bounds(TOPIC_EVENTS, partition);
    const reader = stream.reader(TOPIC_EVENTS, partition, start);
    for (let position = start; position < end;) {
      const batch = await reader.next({ bytesMax: 16 * 1024 * 1024, waitMs: 1000 });
      for (const { payload } of batch) {
        const record = decodeEventsRecord(payload.slice());
        if (record.kind === EventsRecordKind.data) found.push({ partition, record });
      }
      position += batch.length;
    }
    await reader.close();
  }
  return found;
}

/** Labels that a record leaves out are those that a record before it had for the fingerprint. */
function samplesOf(
  records: readonly Readonly<{ partition: number; record: DataRecord }>[],
): FoundSample[] {
  const known = new Map<string, LabelSet>();
  return records.flatMap(({ partition, record }) => {
    const definitions = new DefinitionReader(record.definitions);
    const labels = Array.from(record.kinds, (_, series) => {
      const fingerprint = record.fingerprints.subarray(series * 16, series * 16 + 16);
      const name = `${partition} ${Buffer.from(fingerprint).toString('hex')}`;
      const found = definitions.labels(series) ?? known.get(name);
      if (found === undefined) throw new Error(`series ${series} of a record is defined nowhere`);
      known.set(name, found);
      return found;
    });
    return Array.from(record.values, (value, i) => {
      const series = record.seriesIndex[i]!;
      return {
        partition,
        labels: Object.fromEntries(labels[series]!),
        kind: record.kinds[series]!,
        timeUs: record.times[i]!,
        value,
        flags: record.flags[i]!,
      };
    });
  });
}
