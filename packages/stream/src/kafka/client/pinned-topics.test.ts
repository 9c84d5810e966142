import { describe, expect, test } from 'vitest';
import { STREAM_CODES } from '../../stream-error.ts';
import { TOPIC_EVENTS, TOPIC_SERIES, TOPICS } from '../../stream.ts';
import { kafkaTopics } from './kafka-topics.ts';
import { PinnedTopics } from './pinned-topics.ts';
import { KafkaCode, type ClusterMetadata } from './protocol.ts';

/** All topics have this id, as one broker tells it. */
function saying(id: string, error = 0): ClusterMetadata {
  const topic = { error, id, leaders: [1], leaderEpochs: [0], replicas: 1 };
  return { nodes: new Map(), topics: new Map(TOPICS.map((name) => [name, topic])) };
}

function pinned(): PinnedTopics {
  const topics = new PinnedTopics(kafkaTopics());
  topics.pin(saying('new'));
  return topics;
}

describe('the topics that were opened', () => {
  test('another id is believed when it is said twice', () => {
    const topics = pinned();
    expect(topics.note(saying('newer'))).toEqual([]);
    expect(topics.replacedError(TOPIC_EVENTS)).toBeUndefined();
    expect(topics.note(saying('newer'))).toEqual([...TOPICS]);
    expect(topics.note(saying('newer'))).toEqual([]);
    expect(topics.replacedError(TOPIC_SERIES)).toMatchObject({ code: STREAM_CODES.replaced });
    expect(topics.idOf(TOPIC_EVENTS)).toBe('new');
  });

  test('one broker that tells of the topic before, among others, is never believed', () => {
    const topics = pinned();
    for (let i = 0; i < 5; i += 1) {
      expect(topics.note(saying('old'))).toEqual([]);
      expect(topics.note(saying('new'))).toEqual([]);
    }
  });

  test('a topic that is gone, or just cannot be told of, is not another one', () => {
    const topics = pinned();
    for (let i = 0; i < 3; i += 1) {
      expect(topics.note(saying('0', KafkaCode.unknownTopic))).toEqual([]);
    }
  });
});
