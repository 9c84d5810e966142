/** Whether the environment speaks of an installation on Kafka. */
export function isDistributed(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ['KAFKA_BROKERS', 'MILLRACE_KAFKA__BROKERS'].some(
    (name) => environment[name] !== undefined && environment[name] !== '',
  );
}
