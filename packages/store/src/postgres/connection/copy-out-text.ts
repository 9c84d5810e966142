import { TIME_US_MAX, type TimeUs } from '@millrace/model';
import type { ReadScope } from '../../reader-rows.ts';
import { statementText } from './statement-text.ts';

/** COPY takes no parameters: `:name` in its text stands for one of these, which we write. */
export function copyOutText(name: string, scope: ReadScope): string {
  const values: Readonly<Record<string, string>> = {
    from_time: `'${timeText(scope.fromUs)}'::timestamptz`,
    until_time: `'${timeText(scope.untilUs)}'::timestamptz`,
    slices: String(Math.trunc(scope.slices)),
    slice: String(Math.trunc(scope.slice)),
  };
  return statementText(name).replace(/(?<!:):([a-z_]+)/g, (_, key: string) => values[key]!);
}

/** RFC 3339 to the microsecond; what JavaScript's dates do not reach lies before or after all. */
export function timeText(timeUs: TimeUs): string {
  if (timeUs > TIME_US_MAX) return 'infinity';
  const ms = Math.floor(timeUs / 1000);
  if (!(timeUs > -TIME_US_MAX)) return '-infinity';
  const rest = String(timeUs - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}
