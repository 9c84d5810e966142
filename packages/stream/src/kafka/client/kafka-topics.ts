import {
  TOPIC_CHECKPOINTS,
  TOPIC_CONTROL,
  TOPIC_EVENTS,
  TOPIC_SERIES,
  type Topic,
} from '../../stream.ts';

/** A topic's name in Kafka: `topicPrefix` + ours. */
export type KafkaTopics = Readonly<Record<Topic, string>>;

/** The name of each topic in Kafka: `prod-` → `prod-metrics.events`. */
export function kafkaTopics(topicPrefix = ''): KafkaTopics {
  return {
    [TOPIC_EVENTS]: topicPrefix + TOPIC_EVENTS,
    [TOPIC_SERIES]: topicPrefix + TOPIC_SERIES,
    [TOPIC_CONTROL]: topicPrefix + TOPIC_CONTROL,
    [TOPIC_CHECKPOINTS]: topicPrefix + TOPIC_CHECKPOINTS,
  };
}
