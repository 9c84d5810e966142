/** The largest unit comes first; each is one that settings are written with. */
const UNITS: readonly (readonly [name: RegExp, units: readonly (readonly [string, number])[]])[] = [
  [
    /_MS(_|$)/,
    [
      ['d', 86_400_000],
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1000],
    ],
  ],
  [
    /_BYTES(_|$)/,
    [
      ['GiB', 1024 ** 3],
      ['MiB', 1024 ** 2],
      ['KiB', 1024],
    ],
  ],
];

/** A setting's value as a person would write it, never rounded: nobody reads 63072000000 as years. */
export function settingText(variable: string, value: unknown): string {
  const plain = String(value);
  if (value === undefined) return '';
  if (typeof value !== 'number' || value === 0) return plain;
  const units = UNITS.find(([name]) => name.test(variable))?.[1] ?? [];
  const whole = units.find(([, size]) => value % size === 0);
  return whole === undefined ? plain : `${value / whole[1]}${whole[0]}`;
}
