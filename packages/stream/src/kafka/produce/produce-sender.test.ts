import { randomBytes } from 'node:crypto';
import { silentLog, systemClock } from '@millrace/runtime';
import { describe, expect, test, vi } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_EVENTS, type AppendResult } from '../../stream.ts';
import { DEFAULT_KAFKA_SETTINGS, type KafkaSettings } from '../client/kafka-settings.ts';
import { LinkError } from '../client/broker-link.ts';
import { ProduceSender } from './produce-sender.ts';
import { KafkaCode } from '../client/protocol.ts';
import { ScriptedBroker } from '../testing/scripted-broker.ts';

function begin(settings: Partial<KafkaSettings> = {}): {
  broker: ScriptedBroker;
  sender: ProduceSender;
  append: (partition: number, payload?: Uint8Array) => Promise<AppendResult>;
} {
  const broker = new ScriptedBroker();
  const sender = new ProduceSender({
    cluster: broker,
    partitions: 3,
    clock: systemClock,
    log: silentLog,
    sleep: (ms) => systemClock.sleep(ms),
    settings: { ...DEFAULT_KAFKA_SETTINGS, ...settings },
  });
  return {
    broker,
    sender,
    append: (partition, payload = Uint8Array.of(partition)) =>
      sender.append(TOPIC_EVENTS, partition, payload),
  };
}

/** Takes a while to compress. */
const large = randomBytes(1024 * 1024);

describe('appends under way', () => {
  test('closing rejects also those that are being encoded', async () => {
    const { broker, sender, append } = begin({ compression: 'gzip' });
    const appended = append(0, large).catch((error: unknown) => error);
    await new Promise((resolve) => void setImmediate(resolve));
    // As when the connections are closed with the stream.
    broker.link = () => Promise.reject(new LinkError('The stream is closed.'));
    await sender.close(0);
    expect(broker.produced).toEqual([]);
    expect(await appended).toMatchObject({ code: STREAM_CODES.closed });
  });

  test('one partition fails within an answer: the others count', async () => {
    const { broker, append } = begin({ appendMs: 300 });
    broker.onBatch = (partition) =>
      partition === 1 ? { error: KafkaCode.notEnoughReplicas } : { offset: 10 + partition };
    const ends = await Promise.allSettled([append(0), append(1), append(2)]);
    expect(ends).toMatchObject([
      { value: { offset: 10 } },
      { reason: { code: STREAM_CODES.unreachable, remedy: expect.stringContaining('insync') } },
      { value: { offset: 12 } },
    ]);
    expect(broker.produced[0]).toEqual([0, 1, 2]);
    expect(broker.produced.slice(1).flat()).not.toContain(0);
  });

  test('an answer that comes after the close acknowledges nothing', async () => {
    const { broker, sender, append } = begin();
    let answer: () => void = () => undefined;
    broker.onBatch = () => new Promise((resolve) => (answer = () => resolve({ offset: 0 })));
    const appended = append(0).catch((error: unknown) => error);
    await vi.waitFor(() => expect(broker.produced).toHaveLength(1), 10_000);
    await sender.close(1);
    answer();
    expect(await appended).toMatchObject({ code: STREAM_CODES.closed });
  });

  test('a partition that was cut back takes nothing more', async () => {
    const { broker, sender, append } = begin();
    sender.expect(TOPIC_EVENTS, 0, 50);
    broker.onBatch = (partition) => ({ offset: partition === 0 ? 49 : 0 });
    const replaced = { code: STREAM_CODES.replaced, kind: 'permanent' };
    const both = await Promise.allSettled([append(0), append(0)]);
    for (const { reason } of both as PromiseRejectedResult[]) {
      expect(reason).toMatchObject(replaced);
    }
    await expect(append(0)).rejects.toMatchObject(replaced);
    // What is refused must not lie in the log that somebody has to look at.
    expect(broker.produced).toHaveLength(1);
    expect((await append(1)).offset).toBe(0);
  });
});
