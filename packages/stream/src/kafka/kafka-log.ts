import type { Log } from '@millrace/runtime';
import { logLevel, type logCreator, type LogEntry } from 'kafkajs';

/** The same line again within this time is only counted. */
const REPEAT_MS = 30_000;
/** Different lines remembered: kafkajs has few, but puts addresses into some. */
const LINES_MAX = 200;

/**
 * kafkajs's log lines as ours. What it calls an error it tries again by itself, and what comes of
 * that is told by the adapter's own errors: so nothing of it is above a warning, and while a
 * broker is away for an hour its lines come twice a minute and not twice a second.
 */
export function kafkaLogCreator(log: Log): logCreator {
  const seen = new Map<string, { atMs: number; repeated: number }>();
  const lines = log.child({ part: 'kafkajs' });
  return () => (entry) => {
    if (entry.level === logLevel.NOTHING || entry.level >= logLevel.INFO) {
      lines.debug(fieldsOf(entry), 'The Kafka client says something.');
      return;
    }
    const key = `${entry.namespace} ${entry.log.message}`;
    const nowMs = performance.now();
    const last = seen.get(key);
    if (last !== undefined && nowMs - last.atMs < REPEAT_MS) {
      last.repeated += 1;
      return;
    }
    if (seen.size >= LINES_MAX) seen.clear();
    seen.set(key, { atMs: nowMs, repeated: 0 });
    const repeated = last?.repeated ?? 0;
    // A client that is made anew for each attempt counts nothing: our own log does that then.
    const count = repeated === 0 ? {} : { repeated };
    lines.warn({ ...fieldsOf(entry), ...count }, 'The Kafka client had trouble and tries again.');
  };
}

/** Without its stacks, which tell where in kafkajs it is and fill the screen. */
function fieldsOf({ namespace, log }: LogEntry): Record<string, unknown> {
  const { timestamp: _, logger: __, stack: ___, message, ...fields } = log;
  return { ...fields, namespace, said: message };
}
