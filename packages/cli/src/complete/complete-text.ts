import type { CompleteReport } from '@millrace/complete';
import type { Colours } from '../console-output.ts';
import { formatDurationMs } from '../quantities.ts';

/** What came of it, for people; the JSON has it all. */
export function formatCompletion(report: CompleteReport, colours: Colours): string {
  const { marked, completed, notOver, notCompletable, records, durationMs, reasons } = report;
  const told =
    `${count(marked, 'window')} marked; ${completed} completed; ` +
    `${notOver} not over yet, or the next one is not; ` +
    `${notCompletable} not completable`;
  const headline = notCompletable === 0 ? colours.green(told) : colours.yellow(told);
  return [
    headline,
    `${count(records, 'record')} of the log read; ${formatDurationMs(durationMs)}`,
    ...reasons.map(({ windows, message }) => `  ${windows}: ${message}`),
  ].join('\n');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
