import type { TimeUs } from '@millrace/model';

/** Times [fromUs, untilUs). */
export interface TimeRange {
  fromUs: TimeUs;
  untilUs: TimeUs;
}

export const MINUTE_US: TimeUs = 60_000_000;
export const HOUR_US: TimeUs = 60 * MINUTE_US;
export const DAY_US: TimeUs = 24 * HOUR_US;

export function covers(range: TimeRange, timeUs: TimeUs): boolean {
  return timeUs >= range.fromUs && timeUs < range.untilUs;
}

/**
 * The times around now in which rows lie in fine ranges, so that retention can drop them. Whatever
 * is further away lies in years: samples with absurd times cannot make many of them.
 */
export function timesNear(widthUs: TimeUs | undefined, nowUs: TimeUs): TimeRange {
  const { pastDays } = granularity(widthUs);
  return {
    fromUs: startOfDay(nowUs) - pastDays * DAY_US,
    untilUs: startOfDay(nowUs) + FUTURE_DAYS * DAY_US,
  };
}

/** The range for a new native partition around `timeUs`, cut back to where others begin and end. */
export function spanOf(
  params: Readonly<{
    widthUs: TimeUs | undefined;
    timeUs: TimeUs;
    nowUs: TimeUs;
    ranges: readonly TimeRange[];
  }>,
): TimeRange {
  const { widthUs, timeUs, nowUs, ranges } = params;
  const { unit } = granularity(widthUs);
  const near = timesNear(widthUs, nowUs);
  const span = calendarSpan(covers(near, timeUs) ? unit : 'year', timeUs);
  // A year must not reach into the days around now: it would swallow all that is still to come.
  if (timeUs < near.fromUs) span.untilUs = Math.min(span.untilUs, near.fromUs);
  if (timeUs >= near.untilUs) span.fromUs = Math.max(span.fromUs, near.untilUs);
  for (const range of ranges) {
    if (range.untilUs <= timeUs) span.fromUs = Math.max(span.fromUs, range.untilUs);
    if (range.fromUs > timeUs) span.untilUs = Math.min(span.untilUs, range.fromUs);
  }
  return span;
}

type Unit = 'day' | 'month' | 'year';

/** Samples from further ahead are refused long before they come here. */
const FUTURE_DAYS = 400;

/** How long partitions are, and for how far back: rather longer than the default retention. */
function granularity(widthUs: TimeUs | undefined): { unit: Unit; pastDays: number } {
  if (widthUs === undefined || widthUs < HOUR_US) return { unit: 'day', pastDays: 40 };
  if (widthUs < DAY_US) return { unit: 'month', pastDays: 1100 };
  return { unit: 'year', pastDays: 0 };
}

function startOfDay(timeUs: TimeUs): TimeUs {
  return Math.floor(timeUs / DAY_US) * DAY_US;
}

function calendarSpan(unit: Unit, timeUs: TimeUs): TimeRange {
  if (unit === 'day') {
    const fromUs = startOfDay(timeUs);
    return { fromUs, untilUs: fromUs + DAY_US };
  }
  const date = new Date(Math.floor(timeUs / 1000));
  const year = date.getUTCFullYear();
  const month = unit === 'month' ? date.getUTCMonth() : 0;
  const months = unit === 'month' ? 1 : 12;
  return {
    fromUs: Date.UTC(year, month, 1) * 1000,
    untilUs: Date.UTC(year, month + months, 1) * 1000,
  };
}
