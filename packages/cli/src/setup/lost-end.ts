import { MillraceError, partitionsText } from '@millrace/runtime';
import type { AcceptedPartition } from '@millrace/single/setup';

/**
 * A log that lost its end has the id that it had, so that there is none to accept: what can be done
 * has to be done by hand, for all partitions.
 *
 * @throws MillraceError SETUP_LOST_END
 */
export function checkEnds(
  accepted: readonly Pick<AcceptedPartition, 'partition' | 'lostEnd'>[],
  mode: 'process' | 'cluster',
): void {
  const lost = accepted.filter(({ lostEnd }) => lostEnd !== undefined);
  if (lost.length === 0) return;
  const which = partitionsText(lost.map(({ partition }) => partition));
  throw new MillraceError({
    code: 'SETUP_LOST_END',
    kind: 'permanent',
    message:
      `The log of ${which} lost its end and has the id that it had: it is not a new log that ` +
      'could be accepted. State or store have what it lost, and it may hold other records under ' +
      'the same offsets by now; those are in no store yet. Nothing of these partitions was changed.',
    remedy: `${FIRST} ${REMEDIES[mode]} ${LAST}`,
  });
}

const FIRST =
  'If the log that belongs to them is anywhere still, put that back. Otherwise go on with one of ' +
  'them, and keep what is set aside.';

const LAST =
  'Either way samples of what is set aside can be brought in with "millrace backfill": what is ' +
  'there already counts once.';

const REMEDIES: Readonly<Record<'process' | 'cluster', string>> = {
  process:
    'With the log, if it reaches back to its first record or has an archive: stop the process ' +
    'and move state, jobs, postgres, log/metrics.series and log/metrics.checkpoints out of the ' +
    'data directory (of a DATABASE_URL name an empty database); all of the log is folded again ' +
    'when you start. With the store: stop the process, move log/metrics.events, ' +
    'log/metrics.series and log/metrics.checkpoints out of the data directory, and run "millrace ' +
    'setup --accept-new-log"; what the log took since it lost its end is not stored then.',
  cluster:
    'With the log, if it reaches back to its first record or has an archive: stop transformers ' +
    'and writers, delete the topics of metrics.series and metrics.checkpoints, name an empty ' +
    'database and another MILLRACE_REDIS__KEY_PREFIX, and run "millrace setup"; all of the log ' +
    'is folded again when you start. With the store: stop receivers too, delete the topics of ' +
    'metrics.events, metrics.series and metrics.checkpoints, and run "millrace setup ' +
    '--accept-new-log"; what the log took since it lost its end is not stored then.',
};
