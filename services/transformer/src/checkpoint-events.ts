import type { MadeCheckpoint } from '@millrace/checkpoint';
import { errorText, type Log, type Meter, type MeterCounter } from '@millrace/runtime';

/** What the transformer reports of checkpoints. */
export interface CheckpointEvents {
  checkpointMade(partition: number, made: Readonly<MadeCheckpoint>): void;
  /** How long ago the newest one was made. */
  checkpointAge(partition: number, seconds: number): void;
  checkpointFailed(partition: number, error: unknown): void;
  /** None was made, since those that are there cannot be released and take too much room. */
  checkpointPutOff(partition: number, fields: Readonly<Record<string, number>>): void;
  /** One was of no use while one was needed. */
  checkpointPassedOver(partition: number, passedOver: Readonly<PassedOverFields>): void;
  /** A checkpoint took the place of a state that was lost. */
  restored(partition: number, fields: Readonly<RestoredFields>): void;
  begunAnew(partition: number, why: string): void;
  /** It goes on from before the log's beginning. */
  readsArchive(partition: number, fields: Readonly<{ position: number; why: string }>): void;
}

interface PassedOverFields {
  offset: number;
  position: number;
  isDamaged: boolean;
  why: string;
}

interface RestoredFields {
  offset: number;
  position: number;
  pagesBytes: number;
  madeAtUs: number;
  why: string;
}

/** A counter of the transformer, with the partition and these as labels. */
export type MakeCounter = (name: string, help: string, labels?: string[]) => MeterCounter;

const READS_ARCHIVE = 'What the log has forgotten is folded from the archive.';

export function createCheckpointEvents(
  log: Log,
  count: MakeCounter,
  meter: Meter,
): { events: CheckpointEvents; forget(partition: number): void } {
  const made = count('checkpoints_total', 'Checkpoints made.');
  const madeBytes = count('checkpoint_bytes_total', 'Bytes of pages in checkpoints made.');
  const seconds = count('checkpoint_seconds_total', 'Time that making checkpoints took.');
  const failures = count('checkpoint_failures_total', 'Checkpoints that could not be made.');
  const passedOver = count('checkpoints_passed_over_total', 'Checkpoints that were of no use.', [
    'damaged',
  ]);
  const restores = count('restores_total', 'States that a checkpoint took the place of.');
  const begunAnew = count('folds_begun_anew_total', 'Logs folded again from their first record.');
  const age = meter.gauge({
    name: 'millrace_transformer_checkpoint_age_seconds',
    help: 'Time since the newest checkpoint was made.',
    labels: ['partition'],
  });
  return {
    events: {
      checkpointMade: (partition, { manifest, tookMs }) => {
        made.add(1, { partition });
        madeBytes.add(manifest.pagesBytes, { partition });
        seconds.add(tookMs / 1000, { partition });
        const { position, pagesBytes: bytes } = manifest;
        log.info({ partition, position, bytes, tookMs }, 'Checkpoint made.');
      },
      checkpointAge: (partition, ageSeconds) => age.set(ageSeconds, { partition }),
      checkpointFailed: (partition, error) => {
        failures.add(1, { partition });
        log.warn(
          { partition, error: errorText(error) },
          'No checkpoint could be made; it is tried again, and events are kept until then.',
        );
      },
      checkpointPutOff: (partition, fields) =>
        log.warn(
          { partition, ...fields },
          'No checkpoint was made: the store is too far behind for older ones to be released.',
        ),
      checkpointPassedOver: (partition, { isDamaged, ...fields }) => {
        passedOver.add(1, { partition, damaged: String(isDamaged) });
        log.warn(
          { partition, ...fields },
          'A checkpoint is of no use; an older one is looked for.',
        );
      },
      restored: (partition, fields) => {
        restores.add(1, { partition });
        log.warn(
          { partition, ...fields },
          'The state was lost; a checkpoint took its place, and what follows it is folded again.',
        );
      },
      begunAnew: (partition, why) => {
        begunAnew.add(1, { partition });
        log.warn(
          { partition, why },
          'The state was lost, and no checkpoint is of use; the whole log is folded again.',
        );
      },
      readsArchive: (partition, fields) => log.warn({ partition, ...fields }, READS_ARCHIVE),
    },
    forget: (partition) => age.forget({ partition }),
  };
}
