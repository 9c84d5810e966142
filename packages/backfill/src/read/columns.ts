import { MillraceError } from '@millrace/runtime';
import type { ReadSettings } from './read-settings.ts';

/** Where in a record what is: of CSV and Parquet. */
export interface SampleColumns {
  time: string;
  value: string;
  /** Undefined: all samples are of the metric that was given. */
  metric: string | undefined;
  kind: string | undefined;
  labels: readonly string[];
}

/** What columns are usually called, the likeliest first. */
const TIMES = ['time', 'timestamp', 'ts', 'date', 'datetime', '_time'];
const VALUES = ['value', 'val', '_value', 'v'];
const METRICS = ['metric', 'name', '__name__', 'metric_name', '_measurement'];
const KINDS = ['kind'];

type Given = Pick<
  ReadSettings,
  'timeColumn' | 'valueColumn' | 'metricColumn' | 'labelColumns' | 'metric'
>;

/**
 * Finds the columns by what was said, else by their usual names.
 *
 * @throws MillraceError BACKFILL_COLUMNS.
 */
export function findColumns(path: string, names: readonly string[], given: Given): SampleColumns {
  const { timeColumn, valueColumn, metricColumn, labelColumns, metric } = given;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw misfit(path, names, `the column "${twice}" is there twice`);
  const named = (name: string): string => {
    if (names.includes(name)) return name;
    throw misfit(path, names, `there is no column "${name}"`);
  };
  const usual = (words: readonly string[]): string | undefined => {
    for (const word of words) {
      const found = names.find((name) => name.toLowerCase() === word);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const time = timeColumn === undefined ? usual(TIMES) : named(timeColumn);
  const value = valueColumn === undefined ? usual(VALUES) : named(valueColumn);
  const own = metricColumn === undefined ? undefined : named(metricColumn);
  const metrics = own ?? (metric === undefined ? usual(METRICS) : undefined);
  if (time === undefined) throw missing(path, names, 'time', '--time-column');
  if (value === undefined) throw missing(path, names, 'value', '--value-column');
  if (metrics === undefined && metric === undefined) {
    throw missing(path, names, 'metric', '--metric-column, or --metric for all of them');
  }
  const kind = usual(KINDS);
  const taken = new Set([time, value, metrics, kind]);
  const labels = labelColumns?.map(named) ?? names.filter((name) => !taken.has(name));
  return { time, value, metric: metrics, kind, labels };
}

function missing(
  path: string,
  names: readonly string[],
  what: string,
  option: string,
): MillraceError {
  return misfit(path, names, `no column is the ${what} by its name; say ${option}`);
}

function misfit(path: string, names: readonly string[], why: string): MillraceError {
  const shown = names.slice(0, 20).map((name) => JSON.stringify(name));
  const more = names.length > 20 ? ', …' : '';
  return new MillraceError({
    code: 'BACKFILL_COLUMNS',
    kind: 'permanent',
    message: `${path}: ${why}. Its columns are ${shown.join(', ')}${more}. Nothing was sent.`,
    remedy:
      'Name the columns with --time-column, --value-column, --metric-column, --label-columns.',
  });
}
