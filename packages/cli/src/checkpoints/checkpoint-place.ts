import { silentLog, systemClock } from '@millrace/runtime';
import { usualDataDirectory } from '@millrace/single/running';
import type { Stream } from '@millrace/stream';
import type { CliContext } from '../cli-context.ts';
import { dataDirOf } from '../cli-context.ts';
import { isDistributed } from '../distributed/is-distributed.ts';

/** Somebody waits at the terminal. */
const OPEN_MS = 5000;

/** Whether the environment, and no flag, speaks of an installation on Kafka. */
export function isShared(context: CliContext, dataDir: string | undefined): boolean {
  return dataDir === undefined && isDistributed(context.environment);
}

/**
 * The log as it is read by others than its owner: of a data directory also while no process works
 * on it.
 */
export async function openLogView(
  context: CliContext,
  dataDir: string | undefined,
): Promise<Stream> {
  if (isShared(context, dataDir)) {
    const { readDistributedSettings } = await import('../distributed/distributed-settings.ts');
    const { kafkaConnectionOf, openKafkaStream } = await import('@millrace/stream/kafka');
    const { kafka } = readDistributedSettings(context.environment);
    return await openKafkaStream({
      connection: kafkaConnectionOf(kafka, 'millrace-cli'),
      topicPrefix: kafka.topicPrefix,
      clock: systemClock,
      log: silentLog,
      settings: { openMs: OPEN_MS },
    });
  }
  const { openSegmentView } = await import('@millrace/stream/segment');
  const { log: directory } = usualDataDirectory(dataDirOf(context, dataDir));
  return await openSegmentView({ directory, clock: systemClock });
}
