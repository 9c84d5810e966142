import { formatDurationMs } from '../quantities.ts';
import type { ShownProgress } from './job-progress.ts';

const BAR_CELLS = 24;

/** `[######......] 25 % …` */
export function progressBar({ share }: ShownProgress): string {
  const full = Math.floor(share * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}

/** How far, how fast, how long, and whether live results suffer. */
export function progressText(progress: ShownProgress): string {
  const { share, ended, partitions, samplesPerSecond, recordsPerSecond, leftMs, lagMs } = progress;
  const { heldBy } = progress;
  const rate =
    samplesPerSecond === undefined
      ? `${count(recordsPerSecond)} records/s`
      : `${count(samplesPerSecond)} samples/s`;
  return [
    `${Math.floor(share * 100)} %`,
    `${ended} of ${partitions} partitions`,
    progress.paused ? 'paused' : heldBy === undefined ? rate : `held up by ${heldBy}`,
    ...(leftMs === undefined || share === 1 ? [] : [`${formatDurationMs(leftMs)} left`]),
    ...(lagMs === undefined ? [] : [`live ${formatDurationMs(lagMs)} behind`]),
  ].join(', ');
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
