import { systemClock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import {
  decodeEventsRecord,
  DEFAULT_FOLD_SETTINGS,
  encodeEventsRecord,
  EventsRecordKind,
  type BarrierRecord,
  type EventsRecord,
} from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { openLog } from './open-log.ts';

const barrier: BarrierRecord = {
  kind: EventsRecordKind.barrier,
  number: 1,
  foldVersion: 1,
  settings: DEFAULT_FOLD_SETTINGS,
  rules: [],
  after: 0,
  partitions: 3,
};

function newStream(settings = {}): Stream {
  return openMemoryStream(new MemoryLog({ partitions: 3, clock: systemClock, settings }));
}

async function recordsOf(stream: Stream, partition: number): Promise<EventsRecord[]> {
  const reader = stream.reader(TOPIC_EVENTS, partition, 0);
  const records = await reader.next({ bytesMax: 1_000_000, waitMs: 1 });
  await reader.close();
  return records.map(({ payload }) => decodeEventsRecord(payload));
}

describe('openLog', () => {
  it('begins every empty partition with an id and the first barrier', async () => {
    const stream = newStream();
    const ids = await openLog({ stream, barrier });
    expect(ids).toHaveLength(3);
    for (const [partition, logId] of ids.entries()) {
      expect(logId).toMatch(/^[0-9a-f]{32}$/);
      expect(await recordsOf(stream, partition)).toEqual([
        { kind: EventsRecordKind.log, logId },
        barrier,
      ]);
    }
  });

  it('reads the ids of a log that is not empty, and appends nothing', async () => {
    const stream = newStream();
    const ids = await openLog({ stream, barrier });
    expect(await openLog({ stream, barrier })).toEqual(ids);
    expect(await recordsOf(stream, 0)).toHaveLength(2);
  });

  it('gives processes that start at once the same ids', async () => {
    const stream = newStream();
    const all = await Promise.all([1, 2, 3].map(async () => await openLog({ stream, barrier })));
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    const kinds = (await recordsOf(stream, 0)).map(({ kind }) => kind);
    expect(kinds[0]).toBe(EventsRecordKind.log);
    expect(kinds).toContain(EventsRecordKind.barrier);
  });

  it('adds the barrier that a process before did not come to append', async () => {
    const stream = newStream();
    const producer = stream.producer();
    const logId = 'ab'.repeat(16);
    await producer.append(
      TOPIC_EVENTS,
      1,
      encodeEventsRecord({ kind: EventsRecordKind.log, logId }),
    );
    expect((await openLog({ stream, barrier }))[1]).toBe(logId);
    expect(await recordsOf(stream, 1)).toEqual([{ kind: EventsRecordKind.log, logId }, barrier]);
  });

  it('knows no id where the first record is no longer held', async () => {
    const stream = newStream({ segmentBytes: 10, retentionMs: 0 });
    const ids = await openLog({ stream, barrier });
    await stream.release(TOPIC_EVENTS, 2, 2);
    expect((await stream.bounds(TOPIC_EVENTS, 2)).start).toBeGreaterThan(0);
    expect(await openLog({ stream, barrier })).toEqual([ids[0], ids[1], undefined]);
  });

  it('refuses a topic that begins with something else', async () => {
    const stream = newStream();
    await stream.producer().append(TOPIC_EVENTS, 0, encodeEventsRecord(barrier));
    await expect(openLog({ stream, barrier })).rejects.toMatchObject({
      code: 'RECEIVER_NOT_A_LOG',
      kind: 'permanent',
    });
  });
});
