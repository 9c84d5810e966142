import { makeCheckpoint, type CheckpointOutcome } from '@millrace/checkpoint';
import { errorText, MillraceError, silentLog, systemClock } from '@millrace/runtime';
import type { StateStore } from '@millrace/state';
import type { Stream } from '@millrace/stream';
import { describeState } from '@millrace/transformer';
import type { CliContext } from '../cli-context.ts';
import { openLogView } from './checkpoint-place.ts';
import { openSharedState } from './shared-state.ts';

/**
 * Makes checkpoints of an installation on Kafka and Redis, from outside: what is committed is in
 * Redis, and anybody may append. One partition after the other, to hold one state at a time.
 */
export async function makeSharedCheckpoints(
  context: CliContext,
  how: Readonly<{ signal: AbortSignal; onOutcome: (outcome: CheckpointOutcome) => void }>,
): Promise<CheckpointOutcome[]> {
  const state = openSharedState(context, silentLog);
  const closing: (() => Promise<void>)[] = [() => state.close()];
  try {
    const stream = await openLogView(context, undefined);
    closing.push(() => stream.close());
    const outcomes: CheckpointOutcome[] = [];
    for (let partition = 0; partition < stream.partitions; partition += 1) {
      const outcome = await makeOne({ stream, state, partition, signal: how.signal });
      how.onOutcome(outcome);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    for (const close of closing) await close();
  }
}

async function makeOne(
  parts: Readonly<{
    stream: Stream;
    state: StateStore;
    partition: number;
    signal: AbortSignal;
  }>,
): Promise<CheckpointOutcome> {
  const { stream, state, partition, signal } = parts;
  const producer = stream.producer();
  const sources = { state, producer, clock: systemClock, describe: describeState };
  try {
    const made = await makeCheckpoint(sources, { partition, signal });
    if (made === undefined) return { partition, outcome: 'unchanged' };
    const { checkpointId, position, pagesBytes: bytes } = made.manifest;
    return { partition, outcome: 'made', checkpointId, position, bytes, tookMs: made.tookMs };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof MillraceError)) {
      return { partition, outcome: 'failed', code: 'UNKNOWN', message: errorText(error) };
    }
    const { code, message, remedy } = error;
    const told = remedy === undefined ? {} : { remedy };
    return { partition, outcome: 'failed', code, message, ...told };
  } finally {
    await producer.close();
  }
}
