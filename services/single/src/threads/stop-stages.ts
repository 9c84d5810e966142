import { errorText, type Clock, type Log } from '@millrace/runtime';
import { inOrder } from './stage-group.ts';
import type { StageThreads } from './stage-threads.ts';

/** Of the time a clean stop may take, what checkpoints may use up, beside the writer. */
const CHECKPOINT_PART = 0.4;

/**
 * Stops the stages front to back, so that each can still finish what the one before it has put
 * out. Whatever is not done when the time is over, or fails, is done by the next start; false then.
 */
export async function stopStages(
  components: Readonly<{ threads: StageThreads; clock: Clock; log: Log }>,
  settings: Readonly<{ stopMsMax: number }>,
): Promise<boolean> {
  const { threads, clock, log } = components;
  const { receiver, transformer, writer } = threads;
  const over = new AbortController();
  const late = clock.sleep(settings.stopMsMax, over.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  let isDone = true;
  const step = async (name: string, doing: Promise<unknown>): Promise<void> => {
    try {
      if ((await Promise.race([doing, late])) !== 'late') return;
      isDone = false;
      log.warn({ step: name }, 'Stopping takes too long; the next start does what is left.');
    } catch (error) {
      isDone = false;
      log.warn(
        { step: name, error: errorText(error) },
        'A step of stopping failed; the next start does what is left.',
      );
    }
  };
  await step('finish requests', receiver.link.call('stop'));
  await step('fold and commit', transformer.link.call('stop'));
  const how = { isAsked: false, msMax: settings.stopMsMax * CHECKPOINT_PART };
  const checkpoints = step('make checkpoints', transformer.link.call('checkpoint', how));
  await step('store what is folded', untilStored(threads, over.signal));
  await step('stop writing', writer.link.call('stop'));
  await checkpoints;
  for (const { stage, common } of inOrder(threads).toReversed()) {
    await step(`close the files of the ${stage}`, common.call('close'));
  }
  over.abort();
  return isDone;
}

/** Resolves when the store has all that was folded; partitions that cannot go on do not count. */
async function untilStored(threads: StageThreads, signal: AbortSignal): Promise<void> {
  const [folded, written] = await Promise.all([
    threads.transformer.status(),
    threads.writer.status(),
  ]);
  const goingOn = new Set(
    written.partitions.filter(({ state }) => state === 'running').map(({ partition }) => partition),
  );
  await Promise.all(
    folded.partitions
      .filter(({ partition }) => goingOn.has(partition))
      .map(({ partition, position }) => threads.stored.wait(partition, position, signal)),
  );
}
