import pc from 'picocolors';
import { expect, test } from 'vitest';
import { describeLook, distributedLagRows } from './describe-look.ts';
import { describeSetup } from './describe-setup.ts';
import { isDistributed } from './is-distributed.ts';
import type { DistributedLook } from './look.ts';

const plain = pc.createColors(false);
const look: DistributedLook = {
  brokers: 'kafka:9092',
  topicPrefix: 'a.',
  partitions: [
    {
      partition: 0,
      start: 0,
      end: 12,
      folded: { position: 12, behindRecords: 0, lagMs: 0 },
      stored: { position: 9, behindRecords: 3, lagMs: 1500 },
    },
    { partition: 1, start: 0, end: 7, folded: undefined, stored: undefined },
  ],
  unanswered: [{ what: 'store', where: 'db:5432', code: 'STORE_UNREACHABLE', message: 'Away.' }],
};

test('how far each stage is, is told by partition, and so is what cannot be asked', () => {
  expect(describeLook(look, plain).split('\n')).toEqual([
    'log    Kafka at kafka:9092, topics a.…, 2 partitions',
    'store  db:5432: STORE_UNREACHABLE: Away.',
    '',
    'partition  events  folded  behind  oldest  stored  behind  oldest',
    '        0      12      12       0    0 ms       9       3   1.5 s',
    '        1       7       ?                       ?',
  ]);
});

test('what is not known of a partition is behind by all that there is', () => {
  expect(distributedLagRows(look)).toEqual([
    { stage: 'transformer', partition: 0, state: 'known', behindRecords: 0, lagMs: 0 },
    { stage: 'transformer', partition: 1, state: 'unknown', behindRecords: 7, lagMs: 0 },
    { stage: 'writer', partition: 0, state: 'known', behindRecords: 3, lagMs: 1500 },
    { stage: 'writer', partition: 1, state: 'unknown', behindRecords: 7, lagMs: 0 },
  ]);
});

test('setup tells what it did, and what it would do', () => {
  const report = {
    plan: true,
    topics: [
      { topic: 'metrics.events', action: 'create', partitions: 12, replicas: 3, configs: {} },
      {
        topic: 'metrics.series',
        action: 'change',
        partitions: 12,
        replicas: 3,
        configs: { a: 'b' },
      },
      { topic: 'metrics.control', action: 'keep', partitions: 1, replicas: 1, configs: {} },
    ],
    log: { begun: [0, 1], rules: ['orders', 'cpu'] },
    store: { layout: 'hypertables', reason: 'it has TimescaleDB 2', steps: ['1 tables'] },
  } as const;
  const copied = {
    ...report,
    log: { begun: [0, 1], rules: ['orders', 'cpu'] },
    store: { ...report.store, steps: ['1 tables'] },
  };
  expect(describeSetup(copied)).toEqual([
    'topic metrics.events: would be made with 12 partitions, 3 copies of each.',
    'topic metrics.series: would get a=b; it has 12 partitions, 3 copies of each.',
    'topic metrics.control: is right, with 1 partition, 1 copy of each.',
    'log: 2 partitions would be begun; the rules orders, cpu would come into force.',
    'store: hypertables, because it has TimescaleDB 2; would be done: 1 tables.',
  ]);
  const nothing = {
    ...copied,
    plan: false,
    log: { begun: [], rules: undefined },
    store: undefined,
  };
  expect(describeSetup(nothing).slice(3)).toEqual([
    'log: it is begun; the rules in force stay.',
    'store: left alone, because no database was named (DATABASE_URL).',
  ]);
});

test('an environment speaks of Kafka or does not', () => {
  expect(isDistributed({})).toBe(false);
  expect(isDistributed({ KAFKA_BROKERS: '' })).toBe(false);
  expect(isDistributed({ KAFKA_BROKERS: 'a' })).toBe(true);
  expect(isDistributed({ MILLRACE_KAFKA__BROKERS: 'a' })).toBe(true);
});
