import { createServer } from 'node:net';
import { silentLog, systemClock } from '@millrace/runtime';
import { freePort, reportMissing } from '@millrace/runtime/testing';
import { describe, expect, inject, test } from 'vitest';
import { TOPIC_EVENTS } from '../../stream.ts';
import { KafkaCluster } from './kafka-cluster.ts';
import { DEFAULT_KAFKA_SETTINGS } from './kafka-settings.ts';
import { makeTestTopics } from '../testing/test-topics.ts';

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);

describe.skipIf('missing' in kafka)('the brokers of a cluster', () => {
  if ('missing' in kafka) return;

  test('one that hangs is not asked again and again', async () => {
    let asked = 0;
    const hole = createServer((socket) => {
      asked += 1;
      socket.resume();
      socket.on('error', () => undefined);
    });
    const port = await freePort();
    await new Promise<void>((resolve) => hole.listen(port, '127.0.0.1', resolve));
    const topics = await makeTestTopics({ url: kafka.url, partitions: 1 });
    const cluster = new KafkaCluster({
      connection: { brokers: [kafka.url, `127.0.0.1:${port}`], clientId: 'millrace-test' },
      topics: topics.names,
      log: silentLog,
      sleep: (ms) => systemClock.sleep(ms),
      settings: { ...DEFAULT_KAFKA_SETTINGS, connectMs: 300 },
    });
    for (let i = 0; i < 6; i += 1) {
      const { topics: found } = await cluster.refresh();
      expect(found.get(topics.names[TOPIC_EVENTS])?.error).toBe(0);
    }
    expect(asked).toBe(1);
    cluster.close();
    await topics.remove();
    await new Promise((resolve) => hole.close(resolve));
  });
});
