import { parseWidth } from '@millrace/rules';

const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/i;

/** A time as people say it: RFC 3339, a day in UTC, or how long ago. Undefined: none of these. */
export function readTimeArgument(text: string, nowUs: number): number | undefined {
  const ago = parseWidth(text);
  if (ago.ok) return nowUs - ago.us;
  if (!DATE.test(text)) return undefined;
  const ms = Date.parse(text.toUpperCase());
  return Number.isNaN(ms) ? undefined : ms * 1000;
}
