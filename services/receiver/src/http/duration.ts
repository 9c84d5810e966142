const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `5s`, `500ms`, `1m` or a bare number of seconds, in milliseconds; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?$/.exec(text);
  if (match === null) return undefined;
  const ms = UNITS.find(([unit]) => unit === (match[2] ?? 's'))?.[1];
  return ms === undefined ? undefined : Number(match[1]) * ms;
}

/** The duration in the largest unit that divides it: `6h`, `90s`. */
export function formatDuration(ms: number): string {
  const [unit, size] = UNITS.find((entry) => ms % entry[1] === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}
