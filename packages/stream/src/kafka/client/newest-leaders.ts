import type { ClusterMetadata, TopicMetadata } from './protocol.ts';

/**
 * What a broker says now, except for partitions of which a later leader was heard of before: one
 * that hung, or was cut off from the others, may still think that it leads, and answers as if what
 * was appended since did not exist.
 */
export function keepNewestLeaders(
  before: ClusterMetadata | undefined,
  now: ClusterMetadata,
): ClusterMetadata {
  if (before === undefined) return now;
  const topics = [...now.topics].map(([name, topic]): [string, TopicMetadata] => {
    const known = before.topics.get(name);
    return [name, known?.id === topic.id ? keepNewest(known, topic) : topic];
  });
  return { nodes: now.nodes, topics: new Map(topics) };
}

function keepNewest(known: TopicMetadata, topic: TopicMetadata): TopicMetadata {
  const isOlder = topic.leaders.map((_, partition) => {
    return (topic.leaderEpochs[partition] ?? -1) < (known.leaderEpochs[partition] ?? -1);
  });
  if (!isOlder.includes(true)) return topic;
  const pick = (of: 'leaders' | 'leaderEpochs'): number[] =>
    topic[of].map((value, partition) => (isOlder[partition] ? known[of][partition]! : value));
  return { ...topic, leaders: pick('leaders'), leaderEpochs: pick('leaderEpochs') };
}
