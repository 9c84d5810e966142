import { createQuietLog, systemClock, type Log } from '@millrace/runtime';
import { logLevel, type logCreator, type LogEntry } from 'kafkajs';

/**
 * kafkajs's log lines as ours. What it calls an error it tries again by itself, and what comes of
 * that is told by the adapter's own errors: so nothing of it is above a warning. While a broker is
 * away for an hour its lines come every few minutes and not twice a second: those of one client
 * are counted here, and those of clients that come and go, as while the log cannot be opened, by
 * the log of the process.
 */
export function kafkaLogCreator(log: Log): logCreator {
  const lines = createQuietLog(log.child({ part: 'kafkajs' }), { clock: systemClock });
  return () => (entry) => {
    if (entry.level === logLevel.NOTHING || entry.level >= logLevel.INFO) {
      lines.debug(fieldsOf(entry), 'The Kafka client says something.');
      return;
    }
    lines.warn(fieldsOf(entry), 'The Kafka client had trouble and tries again.');
  };
}

/** Without its stacks, which tell where in kafkajs it is and fill the screen. */
function fieldsOf({ namespace, log }: LogEntry): Record<string, unknown> {
  const { timestamp: _, logger: __, stack: ___, message, ...fields } = log;
  return { ...fields, namespace, said: message };
}
