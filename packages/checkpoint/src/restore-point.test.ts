import { MillraceError, systemClock } from '@millrace/runtime';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { findRestorePoint, type PassedOver, type RestorePoint } from './restore-point.ts';
import { appendCheckpoint } from './testing/append-checkpoint.ts';
import { recordDigest } from './usable-checkpoint.ts';

const LOG_ID = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const OTHER_ID = 'ff'.repeat(16);

const eventAt = (offset: number): Uint8Array =>
  encodeEventsRecord(
    offset === 0
      ? { kind: EventsRecordKind.log, logId: LOG_ID }
      : { kind: EventsRecordKind.tick, receivedAtUs: offset },
  );
const digestAt = (position: number): string => recordDigest(eventAt(position - 1));

describe('a restore point', () => {
  let log: MemoryLog;
  let stream: Stream;
  let passedOver: PassedOver[];
  beforeEach(() => {
    const settings = { segmentBytes: 1, retentionMs: 0 };
    log = new MemoryLog({ partitions: 1, clock: systemClock, settings });
    stream = openMemoryStream(log);
    passedOver = [];
    for (let i = 0; i < 20; i += 1) log.partition(TOPIC_EVENTS, 0).append(eventAt(i));
  });
  const append = (
    position: number,
    changed: Partial<Parameters<typeof appendCheckpoint>[1]> = {},
  ): ReturnType<typeof appendCheckpoint> =>
    appendCheckpoint(stream, {
      ...{ logId: LOG_ID, position, lastDigest: position === 0 ? '' : digestAt(position) },
      ...changed,
    });
  const find = async (
    how: Readonly<{ logId?: string; positionMax?: number; load?: () => string }> = {},
  ): Promise<RestorePoint<string> | undefined> =>
    await findRestorePoint(
      { stream, partition: 0 },
      {
        stateVersionsRead: [1],
        load: () => 'loaded',
        ...how,
        onPassedOver: (one) => passedOver.push(one),
      },
    );
  const why = (): string[] => passedOver.map((one) => one.why);

  it('is none where there is no checkpoint', async () => {
    expect(await find()).toBeUndefined();
  });

  it('is the newest one, of which nothing else is read', async () => {
    await append(5);
    const { manifest, offset } = await append(9, { pages: new Map([['x', Uint8Array.of(7)]]) });
    const found = await find();
    expect(found).toMatchObject({ offset, manifest, loaded: 'loaded' });
    expect(found?.pages).toEqual(new Map([['x', Uint8Array.of(7)]]));
    expect(passedOver).toEqual([]);
  });

  it('may be at the very end, and at the very beginning of a log that is all there', async () => {
    await append(0);
    expect((await find())?.manifest.position).toBe(0);
    await append(20);
    expect((await find())?.manifest.position).toBe(20);
  });

  it('is the one before, when the newest lacks a chunk', async () => {
    await append(10);
    const { manifest, offset } = await append(11);
    const damaged = new MemoryLog({ partitions: 1, clock: systemClock });
    for (const record of log.partition(TOPIC_CHECKPOINTS, 0).read(0, Infinity)) {
      const isChunk = record.offset === offset - 1;
      if (!isChunk) damaged.partition(TOPIC_CHECKPOINTS, 0).append(record.payload);
    }
    for (let i = 0; i < 20; i += 1) damaged.partition(TOPIC_EVENTS, 0).append(eventAt(i));
    stream = openMemoryStream(damaged);
    expect((await find())?.manifest.position).toBe(10);
    expect(passedOver).toMatchObject([{ isDamaged: true, manifest }]);
    expect(why()[0]).toMatch(/0 of 1 chunks are there/);
  });

  it('is not above what it is asked to be', async () => {
    for (const position of [5, 9, 12]) await append(position);
    expect((await find({ positionMax: 11 }))?.manifest.position).toBe(9);
    expect(why()).toEqual([expect.stringContaining('12, above 11')]);
    expect(await find({ positionMax: 4 })).toBeUndefined();
  });

  it('tells why each of the others leads nowhere', async () => {
    await append(21, { lastDigest: digestAt(20) });
    await append(9, { logId: OTHER_ID });
    await append(9, { lastDigest: digestAt(8) });
    await append(9, { stateVersion: 2 });
    expect(await find()).toBeUndefined();
    expect(why()).toEqual([
      expect.stringContaining('version 2'),
      expect.stringContaining('another log, or its records changed'),
      expect.stringContaining(`of log ${OTHER_ID}`),
      expect.stringContaining('ends at 20'),
    ]);
    expect(passedOver.every(({ isDamaged }) => !isDamaged)).toBe(true);
  });

  it('leads into what the log still holds, and is known by the event before it', async () => {
    await append(5);
    await append(7);
    await append(8);
    await stream.release(TOPIC_EVENTS, 0, 7);
    expect((await find())?.manifest.position).toBe(8);
    await stream.release(TOPIC_EVENTS, 0, 8);
    passedOver = [];
    expect(await find()).toBeUndefined();
    expect(why()).toEqual([
      expect.stringContaining('the event before its position is gone'),
      expect.stringContaining('events before 8 are gone'),
      expect.stringContaining('events before 8 are gone'),
    ]);
  });

  it('is of the log that the state was of, where that is known', async () => {
    await append(5);
    expect(await find({ logId: OTHER_ID })).toBeUndefined();
    expect(why()).toEqual([expect.stringContaining(`of log ${LOG_ID}`)]);
    expect((await find({ logId: LOG_ID }))?.manifest.position).toBe(5);
  });

  it('has a state that can be read', async () => {
    await append(5);
    const unreadable = new MillraceError({
      ...{ code: 'STATE_INCOMPLETE', kind: 'permanent', message: 'A page is missing.' },
    });
    const load = (): string => {
      throw unreadable;
    };
    expect(await find({ load })).toBeUndefined();
    const told = { isDamaged: true, why: expect.stringContaining('STATE_INCOMPLETE') };
    expect(passedOver).toMatchObject([told]);
    const broken = (): string => {
      throw new TypeError('a defect of the program');
    };
    await expect(find({ load: broken })).rejects.toThrow('a defect of the program');
  });
});
