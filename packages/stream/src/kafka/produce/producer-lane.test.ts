import type { Log } from '@millrace/runtime';
import { silentLog, systemClock } from '@millrace/runtime';
import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_EVENTS, type AppendResult } from '../../stream.ts';
import { applyAnswer } from './append-outcome.ts';
import { judgeAnswer } from './append-verdict.ts';
import { ProducerLane } from './producer-lane.ts';
import { KafkaCode } from '../client/protocol.ts';
import { AT } from './record-batch.ts';

const how = { bytesMax: 100, timestampMs: 1, compression: 'none' } as const;
const parts = { clock: systemClock, log: silentLog };

function push(lane: ProducerLane, bytes = 10): Promise<AppendResult> {
  return new Promise((resolve, reject) => {
    lane.push({ payload: new Uint8Array(bytes), sinceMs: performance.now(), resolve, reject });
  });
}

function answerOf(params: Readonly<{ error?: number; offset?: number; appendTimeMs?: number }>) {
  const topic = 'metrics.events';
  return { topic, partition: 0, error: 0, offset: 0, appendTimeMs: 5, ...params };
}

function sequenceOf(lane: ProducerLane): number {
  return lane.batch!.bytes.readInt32BE(AT.sequence);
}

describe('the appends of one partition', () => {
  const id = { producerId: 1, epoch: 0 };

  test('a batch takes what fits, at least one, in the order of the calls', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const appended = [60, 60, 20, 20, 500, 1].map((bytes) => push(lane, bytes));
    const counts: number[] = [];
    for (let offset = 0; lane.hasWork; offset += counts.at(-1)!) {
      await lane.form(id, how);
      counts.push(lane.batch!.appends.length);
      applyAnswer(lane, answerOf({ offset }), parts);
    }
    expect(counts).toEqual([1, 3, 1, 1]);
    expect((await Promise.all(appended)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('sequence numbers move on with what is acknowledged', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const appended = [push(lane), push(lane)];
    await lane.form(id, how);
    expect(sequenceOf(lane)).toBe(0);
    applyAnswer(lane, answerOf({ offset: 40 }), parts);
    expect(await Promise.all(appended)).toEqual([
      { offset: 40, appendTimeUs: 5000 },
      { offset: 41, appendTimeUs: 5000 },
    ]);
    void push(lane);
    await lane.form(id, how);
    expect(sequenceOf(lane)).toBe(2);
  });

  test('what may be there is sent again as it was, and never under another id', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const appended = push(lane);
    const { bytes } = (await lane.form(id, how))!;
    const before = Buffer.from(bytes);
    applyAnswer(lane, answerOf({ error: KafkaCode.requestTimedOut }), parts);
    expect(lane.batch!.bytes).toBe(bytes);
    expect(bytes.equals(before)).toBe(true);
    applyAnswer(lane, answerOf({ error: KafkaCode.outOfOrderSequence }), parts);
    await expect(appended).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('may still appear in the log, once'),
    });
    // The next ones must not get its numbers.
    void push(lane);
    expect(lane.isSpent(id)).toBe(true);
    await expect(lane.form(id, how)).rejects.toMatchObject({ kind: 'defect' });
    const other = { producerId: 2, epoch: 0 };
    await lane.form(other, how);
    expect(sequenceOf(lane)).toBe(0);
  });

  test('what is surely not there goes out anew when the broker forgot the producer', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const first = push(lane);
    await lane.form(id, how);
    const second = push(lane);
    applyAnswer(lane, answerOf({ error: KafkaCode.unknownProducerId }), parts);
    await lane.form({ producerId: 2, epoch: 0 }, how);
    applyAnswer(lane, answerOf({ offset: 8 }), parts);
    expect((await first).offset).toBe(8);
    expect((await second).offset).toBe(9);
  });

  test('a batch that is too large is halved, down to one record', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const appended = [push(lane), push(lane), push(lane), push(lane), push(lane)];
    const counts: number[] = [];
    for (let producerId = 1; counts.at(-1) !== 1; producerId += 1) {
      await lane.form({ producerId, epoch: 0 }, how);
      counts.push(lane.batch!.appends.length);
      applyAnswer(lane, answerOf({ error: KafkaCode.messageTooLarge }), parts);
    }
    expect(counts).toEqual([5, 3, 2, 1]);
    await expect(appended[0]).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('The record was not appended'),
      remedy: expect.stringContaining('max.message.bytes'),
    });
    await lane.form({ producerId: 99, epoch: 0 }, how);
    expect(lane.batch!.appends).toHaveLength(4);
  });

  test('an offset that was there before means another log: nothing is acknowledged', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    lane.nextOffset = 50;
    const appended = push(lane);
    await lane.form(id, how);
    applyAnswer(lane, answerOf({ offset: 49 }), parts);
    await expect(appended).rejects.toMatchObject({
      code: STREAM_CODES.replaced,
      kind: 'permanent',
      remedy: expect.stringContaining('millrace setup --accept-new-log'),
    });
  });

  test('a topic without append times is told, and the record counts', async () => {
    const told: string[] = [];
    const log: Log = { ...silentLog, error: (_, message) => void told.push(message) };
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const appended = push(lane);
    await lane.form(id, how);
    applyAnswer(lane, answerOf({ offset: 3, appendTimeMs: -1 }), { ...parts, log });
    expect((await appended).offset).toBe(3);
    expect(told).toHaveLength(1);
  });

  test('when all that waited was rejected meanwhile, no batch is made of nothing', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const late = push(lane).catch((error: unknown) => error);
    lane.rejectQueued(Infinity, () => new Error('too late'));
    expect(await late).toEqual(new Error('too late'));
    // A broker would refuse it, and it would be in the way of all that come after.
    expect(await lane.form(id, how)).toBeUndefined();
    expect(lane.hasWork).toBe(false);
    const appended = push(lane);
    await lane.form(id, how);
    expect(sequenceOf(lane)).toBe(0);
    applyAnswer(lane, answerOf({ offset: 0 }), parts);
    expect((await appended).offset).toBe(0);
  });

  test('what waits too long is rejected, what came later is not', async () => {
    const lane = new ProducerLane(TOPIC_EVENTS, 0);
    const old = push(lane).catch((error: unknown) => error);
    const afterMs = performance.now();
    const young = push(lane);
    lane.rejectQueued(afterMs - Number.EPSILON, () => new Error('too late'));
    expect(await old).toEqual(new Error('too late'));
    await lane.form(id, how);
    applyAnswer(lane, answerOf({ offset: 0 }), parts);
    expect((await young).offset).toBe(0);
  });
});

describe('what an answer means', () => {
  const codes = Array.from({ length: 130 }, (_, i) => i - 1);

  test('only the one code acknowledges', () => {
    for (const mayBeThere of [false, true]) {
      const acknowledged = codes.filter(
        (code) => judgeAnswer(code, { mayBeThere }) === 'acknowledged',
      );
      expect(acknowledged).toEqual([KafkaCode.none]);
    }
  });

  test('an answer that is not known leaves it open whether the records are there', () => {
    for (const code of [-1, 6, 7, 20, 56, 97, 123]) {
      expect(judgeAnswer(code, { mayBeThere: false })).toBe('unknown, again');
    }
  });

  test('once records may be there, nothing sends them under other numbers', () => {
    const verdicts = new Set(codes.map((code) => judgeAnswer(code, { mayBeThere: true })));
    expect(verdicts).toEqual(new Set(['acknowledged', 'again', 'unknown, again', 'give up']));
  });
});
