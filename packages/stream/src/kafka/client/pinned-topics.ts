import type { StreamError } from '../../stream-error.ts';
import type { Topic } from '../../stream.ts';
import type { KafkaTopics } from './kafka-topics.ts';
import { topicReplaced } from './kafka-errors.ts';
import type { ClusterMetadata } from './protocol.ts';

/**
 * Which topics were opened, by Kafka's id of them: a topic that was deleted and made again under
 * the same name has another one, and is another log.
 */
export class PinnedTopics {
  readonly #topics: KafkaTopics;
  readonly #ids = new Map<Topic, string>();
  readonly #suspected = new Map<Topic, string>();
  readonly #replaced = new Map<Topic, StreamError>();

  constructor(topics: KafkaTopics) {
    this.#topics = topics;
  }

  /** Remembers the topics as they are now: from here on another id means another log. */
  pin(metadata: ClusterMetadata): void {
    for (const [topic, name] of Object.entries(this.#topics) as [Topic, string][]) {
      const found = metadata.topics.get(name);
      if (found?.error === 0) this.#ids.set(topic, found.id);
    }
  }

  idOf(topic: Topic): string | undefined {
    return this.#ids.get(topic);
  }

  /** STREAM_REPLACED when the topic is not the one that was opened. */
  replacedError(topic: Topic): StreamError | undefined {
    return this.#replaced.get(topic);
  }

  /**
   * Looks at what another answer says, and returns those that are replaced since now. It is
   * believed when it is said twice and not contradicted in between: a broker that lags behind, or
   * was cut off from the others, may still tell of the topic before.
   */
  note(metadata: ClusterMetadata): readonly Topic[] {
    const replaced: Topic[] = [];
    for (const [topic, id] of this.#ids) {
      const found = metadata.topics.get(this.#topics[topic]);
      if (found?.error !== 0 || this.#replaced.has(topic)) continue;
      const isConfirmed = found.id !== id && this.#suspected.get(topic) === found.id;
      if (found.id === id) this.#suspected.delete(topic);
      else this.#suspected.set(topic, found.id);
      if (!isConfirmed) continue;
      this.#replaced.set(topic, topicReplaced(topic, 'it was deleted and made again'));
      replaced.push(topic);
    }
    return replaced;
  }
}
