import { silentLog, systemClock, type Clock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { describe, inject } from 'vitest';
import { testStream } from '../testing/stream-contract.testsuite.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { makeTestTopics } from './testing/test-topics.ts';

const kafka = inject('kafka');

if ('missing' in kafka) reportMissing(kafka.missing);

describe.skipIf('missing' in kafka)('with a real Kafka', () => {
  const { url } = kafka as { url: string };
  testStream({
    name: 'kafka',
    open: async ({ partitions, clock, settings }) => {
      const topics = await makeTestTopics({ url, partitions });
      const { recordBytesMax, inFlightBytesMax, retentionMs } = settings;
      const openAgain = () =>
        openKafkaStream({
          ...topics,
          partitions,
          clock: sameSteps(clock),
          log: silentLog,
          settings: Object.fromEntries(
            Object.entries({ recordBytesMax, inFlightBytesMax, retentionMs }).filter(
              ([, value]) => value !== undefined,
            ),
          ),
        });
      let stream = await openAgain();
      return {
        stream,
        reopen: async () => {
          await stream.close();
          stream = await openAgain();
          return stream;
        },
        lacks: {
          appendClock: 'Append times are those of the broker.',
          retentionBytes: 'Kafka cannot keep a bound of bytes without losing what was not read.',
          topicBytesMax: 'Kafka has no bound for a topic beyond which it refuses records.',
        },
        dispose: async () => {
          await stream.close();
          await topics.remove();
        },
      };
    },
  });
});

/** The machine's time, moved on by as much as the test moves its own clock from now on. */
function sameSteps(clock: Clock): Clock {
  const startUs = clock.nowUs();
  return {
    nowUs: () => systemClock.nowUs() + clock.nowUs() - startUs,
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
