import { formatLabels, sortLabels } from '@millrace/model';
import type { DeadLetter, UnverifiedSample, UnverifiedSeries } from '@millrace/store';
import type { Colours } from './console-output.ts';
import { formatTimeUs } from './quantities.ts';
import { formatTable } from './text-table.ts';

const DETAIL_CHARS_MAX = 60;

/** `dead list`: a line each. */
export function formatLetters(letters: readonly DeadLetter[], colours: Colours): string {
  const columns = [
    { title: 'id', align: 'right' },
    { title: 'recorded' },
    { title: 'tenant' },
    { title: 'entry' },
    { title: 'reason' },
    { title: 'series' },
    { title: 'time' },
    { title: 'value', align: 'right' },
    { title: 'detail' },
  ] as const;
  const rows = letters.map((letter) => [
    letter.id,
    formatTimeUs(letter.recordedAtUs),
    letter.tenant,
    letter.redrivenAtUs === null ? letter.entry : `${letter.entry} (redriven)`,
    letter.reason,
    seriesText(letter),
    timeText(letter.timeUs),
    letter.value === null ? '' : String(letter.value),
    shortened(letter.detail),
  ]);
  return formatTable(columns, rows, colours);
}

/** `dead show`: everything of one, the payload decoded. */
export function formatLetter(letter: DeadLetter, colours: Colours): string {
  const { logId, partition, source, redrivenAtUs, redriveToken, redriveStartedAtUs } = letter;
  const fields: [string, string | undefined][] = [
    ['entry', letter.entry],
    ['tenant', letter.tenant],
    ['reason', letter.reason],
    ['detail', letter.detail],
    ['recorded', formatTimeUs(letter.recordedAtUs)],
    ['from', `partition ${partition} of log ${logId}, source ${source}`],
    ['series', seriesText(letter) || undefined],
    ['series_id', letter.seriesId ?? undefined],
    ['kind', letter.kind ?? undefined],
    ['time', letter.timeUs === null ? undefined : timeText(letter.timeUs)],
    ['value', letter.value === null ? undefined : String(letter.value)],
    ['received', letter.receivedAtUs === null ? undefined : timeText(letter.receivedAtUs)],
    ['redriven', redrivenText({ redrivenAtUs, redriveToken, redriveStartedAtUs })],
  ];
  const lines = fields.flatMap(([name, text]) => {
    return text === undefined ? [] : [`  ${name.padEnd(9)}  ${text}`];
  });
  const payload =
    typeof letter.payload === 'string'
      ? letter.payload
      : JSON.stringify(letter.payload, undefined, 2);
  const shown = letter.payload === null ? [] : ['', 'payload', payload];
  return [colours.bold(`dead letter ${letter.id}`), ...lines, ...shown].join('\n');
}

/** `unverified list`: a line for each series. */
export function formatUnverified(series: readonly UnverifiedSeries[], colours: Colours): string {
  const columns = [
    { title: 'series_id', align: 'right' },
    { title: 'tenant' },
    { title: 'series' },
    { title: 'samples', align: 'right' },
    { title: 'from' },
    { title: 'to' },
    { title: 'newest came' },
  ] as const;
  const rows = series.map((one) => [
    one.seriesId,
    one.tenant,
    seriesText(one),
    String(one.samples),
    timeText(one.fromUs),
    timeText(one.toUs),
    timeText(one.receivedAtUs),
  ]);
  return formatTable(columns, rows, colours);
}

/** `unverified show`: a line for each sample of a series. */
export function formatUnverifiedSamples(
  samples: readonly UnverifiedSample[],
  colours: Colours,
): string {
  const columns = [
    { title: 'time' },
    { title: 'value', align: 'right' },
    { title: 'came' },
    { title: 'where' },
  ] as const;
  const rows = samples.map(({ timeUs, value, stale, receivedAtUs, isApart }) => [
    timeText(timeUs),
    stale ? 'stale' : String(value),
    timeText(receivedAtUs),
    isApart ? 'unverified' : 'samples',
  ]);
  return formatTable(columns, rows, colours);
}

function redrivenText(
  letter: Readonly<Pick<DeadLetter, 'redrivenAtUs' | 'redriveToken' | 'redriveStartedAtUs'>>,
): string | undefined {
  const { redrivenAtUs, redriveToken, redriveStartedAtUs } = letter;
  if (redrivenAtUs !== null) return `${formatTimeUs(redrivenAtUs)}, token ${redriveToken}`;
  if (redriveStartedAtUs === null) return undefined;
  return `begun ${formatTimeUs(redriveStartedAtUs)}, and not marked: it may be in the log`;
}

function seriesText({ metric, labels }: Readonly<Pick<DeadLetter, 'metric' | 'labels'>>): string {
  if (metric === null) return '';
  return formatLabels(sortLabels([['__name__', metric], ...Object.entries(labels ?? {})]));
}

/** To the microsecond, where a time has any. */
function timeText(timeUs: number | null): string {
  if (timeUs === null) return '';
  if (!Number.isFinite(timeUs)) return String(timeUs);
  const us = ((timeUs % 1000) + 1000) % 1000;
  const text = new Date((timeUs - us) / 1000).toISOString();
  return us === 0
    ? text.replace('.000Z', 'Z')
    : text.replace('Z', `${String(us).padStart(3, '0')}Z`);
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= DETAIL_CHARS_MAX ? line : `${line.slice(0, DETAIL_CHARS_MAX - 1)}…`;
}
