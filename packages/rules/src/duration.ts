import type { TimeUs } from '@millrace/model';
import { KEEP_MS_MAX, KEEP_MS_MIN, WIDTH_US_MAX, WIDTH_US_MIN } from './rule.ts';

const YEAR: readonly [unit: string, ms: number] = ['y', 31_536_000_000];
const AGO_MS_MAX = 100 * YEAR[1];
const UNITS_MS: readonly (readonly [unit: string, ms: number])[] = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
/** As Prometheus writes them: largest unit first, each at most once. */
const DURATION =
  /^(?:(\d{1,9})y)?(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

export type ParsedWidth = Readonly<{ ok: true; us: TimeUs }> | Readonly<{ ok: false; why: string }>;

/** A window's width: whole seconds, from one second to 31 days. */
export function parseWidth(text: string): ParsedWidth {
  const ms = text.includes('y') ? undefined : parseMs(text);
  if (ms === undefined) return { ok: false, why: 'is not a duration' };
  if (ms % 1000 !== 0) return { ok: false, why: 'is not a whole number of seconds' };
  const us = ms * 1000;
  if (us < WIDTH_US_MIN) return { ok: false, why: 'is shorter than 1s' };
  if (us > WIDTH_US_MAX) return { ok: false, why: 'is longer than 31d' };
  return { ok: true, us };
}

/** How long ago something was, or undefined; what is kept may be much older than a window is wide. */
export function parseAgo(text: string): TimeUs | undefined {
  const ms = parseMs(text);
  return ms === undefined || ms === 0 || ms > AGO_MS_MAX ? undefined : ms * 1000;
}

/** How long rows are kept: an hour at least, as windows of an hour want to be whole. */
export function parseKeep(text: string): number | undefined {
  const ms = parseMs(text);
  return ms === undefined || ms < KEEP_MS_MIN || ms > KEEP_MS_MAX ? undefined : ms;
}

function parseMs(text: string): number | undefined {
  const parts = DURATION.exec(text);
  if (text === '' || parts === null) return undefined;
  let ms = 0;
  for (const [i, [, unitMs]] of [YEAR, ...UNITS_MS].entries()) {
    ms += Number(parts[i + 1] ?? 0) * unitMs;
  }
  return ms;
}

/** The shortest way to write whole seconds: `90s` is `1m30s`. */
export function formatWidth(us: TimeUs): string {
  let ms = Math.round(us / 1000);
  let text = '';
  for (const [unit, unitMs] of UNITS_MS) {
    const whole = Math.floor(ms / unitMs);
    if (whole > 0) text += `${whole}${unit}`;
    ms -= whole * unitMs;
  }
  return text === '' ? '0s' : text;
}
