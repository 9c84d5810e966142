/** The groups in which stages share the partitions: one of them looks how far another one is. */
export function kafkaGroups(
  topicPrefix: string,
): Readonly<Record<'transformer' | 'writer', string>> {
  return {
    transformer: `${topicPrefix}millrace-transformer`,
    writer: `${topicPrefix}millrace-writer`,
  };
}
