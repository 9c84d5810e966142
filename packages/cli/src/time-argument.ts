import { InvalidArgumentError, type Command } from 'commander';
import { parseAgo } from '@millrace/rules';

const DATE = /^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/i;

/** A time as people say it: RFC 3339, a day in UTC, or how long ago. Undefined: none of these. */
export function readTimeArgument(text: string, nowUs: number): number | undefined {
  const agoUs = parseAgo(text);
  if (agoUs !== undefined) return nowUs - agoUs;
  const [, day] = DATE.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  const ms = Date.parse(text.toUpperCase().replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms * 1000;
}

/** The 30th of February would be taken as one of March. */
function isDay(day: string): boolean {
  const ms = Date.parse(day);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

/** The same of an option; in microseconds since the epoch. */
export function timeArgument(text: string): number {
  const timeUs = readTimeArgument(text, Date.now() * 1000);
  if (timeUs !== undefined) return timeUs;
  throw new InvalidArgumentError(
    'Write 2026-11-29T12:00:00Z, 2026-11-29 for a day in UTC, or how long ago, as 90m or 7d.',
  );
}

/** The same of what has been. */
export function pastTimeArgument(text: string): number {
  const timeUs = timeArgument(text);
  if (timeUs <= Date.now() * 1000) return timeUs;
  throw new InvalidArgumentError('It is in the future.');
}

/** Of whatever has both `--since` and `--until`: nothing is in an empty range, which looks well. */
export function refuseEmptyRange(command: Command): void {
  const { since, until } = command.opts<{ since?: unknown; until?: unknown }>();
  if (typeof since !== 'number' || typeof until !== 'number' || since < until) return;
  command.error("error: option '--until' has to be later than '--since': the range is empty");
}

const SOON_US = 31 * 86_400_000_000;

/** The same of what may be still to come, but no further than the widest windows reach. */
export function soonTimeArgument(text: string): number {
  const timeUs = timeArgument(text);
  if (timeUs <= Date.now() * 1000 + SOON_US) return timeUs;
  throw new InvalidArgumentError('It is more than 31 days in the future.');
}

/** A count above 0. */
export function limitArgument(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number from 1 to 9999999.');
}

/** The id of a row: a 64-bit integer. */
export function idArgument(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a number, as "millrace dead list" shows it.');
}

/** The id of a series: a signed 64-bit integer. */
export function seriesIdArgument(text: string): string {
  if (/^-?\d{1,19}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a number, as "millrace unverified list" shows it.');
}
