import { systemClock } from '@millrace/runtime';
import type { ConsoleOutput } from './console-output.ts';
import { formatBytes } from './quantities.ts';

const PROGRESS_MS = 2000;

/** A line from time to time, of what takes long: how much was read, and of which partition last. */
export function bytesReadLine({
  notice,
}: Pick<ConsoleOutput, 'notice'>): (partition: number, bytes: number) => void {
  let read = 0;
  let toldUs = systemClock.nowUs();
  return (partition, bytes) => {
    read += bytes;
    const nowUs = systemClock.nowUs();
    if (nowUs - toldUs < PROGRESS_MS * 1000) return;
    toldUs = nowUs;
    notice(`partition ${partition}: ${formatBytes(read)} read ...`);
  };
}
