import { randomUUID } from 'node:crypto';
import { silentLog, systemClock } from '@millrace/runtime';
import { reportMissing } from '@millrace/runtime/testing';
import { describe, inject } from 'vitest';
import {
  GROUP_TEST_PARTITIONS,
  testPartitionGroup,
} from '../../testing/partition-group-contract.testsuite.ts';
import { DEFAULT_KAFKA_GROUP_SETTINGS } from './kafka-group-settings.ts';
import { openKafkaPartitionGroup } from './kafka-partition-group.ts';
import { parseBrokers } from '../client/kafka-settings.ts';

const kafka = inject('kafka');
if ('missing' in kafka) reportMissing(kafka.missing);
const url = 'url' in kafka ? kafka.url : 'none:1';

describe.skipIf('missing' in kafka)('a group of Kafka', () => {
  testPartitionGroup({
    name: 'kafka',
    settleMsMax: 20_000,
    open: async () => {
      const name = `group-${randomUUID()}`;
      const connection = { brokers: parseBrokers(url), clientId: 'test' };
      return {
        member: (settings) =>
          openKafkaPartitionGroup(
            { connection, clock: systemClock, log: silentLog },
            {
              ...DEFAULT_KAFKA_GROUP_SETTINGS,
              groupId: name,
              topic: `${name}.events`,
              partitions: GROUP_TEST_PARTITIONS,
              heartbeatMs: 100,
              ...settings,
            },
          ),
        dispose: async () => undefined,
      };
    },
  });
});
