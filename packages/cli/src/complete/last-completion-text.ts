import type { LastCompletion } from '@millrace/store/postgres';
import type { Colours } from '../console-output.ts';
import { formatDurationMs } from '../quantities.ts';

/** How marked windows were completed last, in one line. */
export function formatLastCompletion(
  last: LastCompletion,
  colours: Colours,
  nowMs: number = Date.now(),
): string {
  const { startedMs, endedMs, marked, completed, notOver, notCompletable, problem } = last;
  const ago = `${formatDurationMs(nowMs - startedMs)} ago`;
  if (problem !== undefined) return `${ago}: ${colours.red(`broke off: ${problem}`)}`;
  if (endedMs === undefined) return `begun ${ago}, not ended`;
  const left = [
    ...(notOver === 0 ? [] : [`${notOver} not over yet, or the next one is not`]),
    ...(notCompletable === 0 ? [] : [colours.yellow(`${notCompletable} not completable`)]),
  ];
  return [`${ago}: ${completed} of ${marked} marked windows completed`, ...left].join(', ');
}
