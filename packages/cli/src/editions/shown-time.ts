import { formatTimeUs } from '../quantities.ts';

/** RFC 3339; null: no time at all, since ever or for good. */
export function shownTime(timeUs: number): string | null {
  return Number.isFinite(timeUs) ? formatTimeUs(timeUs) : null;
}
