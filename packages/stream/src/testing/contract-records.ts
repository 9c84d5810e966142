import {
  TOPIC_EVENTS,
  type PartitionReader,
  type Producer,
  type Stream,
  type StreamRecord,
  type Topic,
} from '../stream.ts';

/** Long enough that nothing but a wake-up ends it within a test's time. */
export const FOREVER_MS = 600_000;
export const AT_ONCE: Readonly<{ bytesMax: number; waitMs: number }> = {
  bytesMax: 8 * 1024 * 1024,
  waitMs: 0,
};

/** Everything from `position` to the end, with payloads of their own. */
export async function readAll(
  stream: Stream,
  partition: number,
  position: number,
  topic: Topic = TOPIC_EVENTS,
): Promise<StreamRecord[]> {
  return drain(stream.reader(topic, partition, position));
}

export async function drain(reader: PartitionReader): Promise<StreamRecord[]> {
  const all: StreamRecord[] = [];
  for (;;) {
    const records = await reader.next(AT_ONCE);
    if (records.length === 0) break;
    for (const record of records) all.push({ ...record, payload: new Uint8Array(record.payload) });
  }
  await reader.close();
  return all;
}

export async function fill(producer: Producer, partition: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => i);
  await Promise.all(numbers.map((i) => producer.append(TOPIC_EVENTS, partition, payloadOf(i))));
}

export function payloadOf(number: number): Uint8Array {
  return new TextEncoder().encode(`record ${number}`);
}

export function numberOf(payload: Uint8Array): number {
  return Number(new TextDecoder().decode(payload).slice('record '.length));
}

export function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}
