import type { SingleStatus } from '@millrace/single/running';
import { until } from '../integration/running-millrace.ts';

const CAUGHT_UP_MS_MAX = 600_000;

/** Until the transformer has folded all that is in the log. */
export async function untilFolded(url: string): Promise<void> {
  await untilCaughtUp(url, (stage) => stage === 'transformer');
}

/** Until stages, all of them unless told otherwise, have read all that is in the log. */
export async function untilCaughtUp(
  url: string,
  isMeant: (stage: string) => boolean = () => true,
): Promise<void> {
  await until('all partitions are caught up', CAUGHT_UP_MS_MAX, async () => {
    const answer = await fetch(`${url}/api/v1/status`);
    const { stages } = (await answer.json()) as SingleStatus;
    return stages
      .filter(({ stage }) => isMeant(stage))
      .flatMap(({ partitions }) => partitions)
      .every(({ state, position, endOffset }) => state === 'running' && position >= endOffset);
  });
}
