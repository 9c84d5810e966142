/** How one setting is read and what it is when nobody sets it. */
export interface Setting<T> {
  readonly default: T;
  /** One sentence for the manual. */
  readonly help: string;
  /** The value, or what would have been right ("a whole number from 1 to 64"). */
  parse(text: string): { readonly value: T } | { readonly expected: string };
  /** Other variables that mean the same: `PORT`. */
  readonly aliases?: readonly string[];
  /** Never printed. */
  readonly secret?: boolean;
  /** There is no sensible default: without it nothing starts. */
  readonly required?: boolean;
}

type Described<T> = Readonly<{ default: T; help: string; aliases?: readonly string[] }>;
type Bounded<T> = Described<T> & Readonly<{ min: number; max: number }>;

/** A whole number, bounds included. */
export function integer(described: Bounded<number>): Setting<number> {
  return quantity(described, { '': 1 }, 'a whole number');
}

/** As `integer`, but may stay undefined. */
export function optionalInteger(
  described: Bounded<number | undefined>,
): Setting<number | undefined> {
  return quantity(described, { '': 1 }, 'a whole number');
}

const byteUnits = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** A size: `900KB`, `32MiB`, `1048576`. The name of the setting ends in `Bytes…`. */
export function bytes(described: Bounded<number>): Setting<number> {
  return quantity(described, byteUnits, 'a size such as 512KiB or 32MiB');
}

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time with its unit: `250ms`, `5s`, `10m`, `6h`, `7d`. In ms, as the name says. */
export function durationMs(described: Bounded<number>): Setting<number> {
  return quantity(described, durationUnits, 'a time such as 250ms, 5s, 10m or 7d');
}

export function text(described: Described<string>): Setting<string> {
  return { ...described, parse: (value) => ({ value }) };
}

export function optionalText(
  described: Omit<Described<undefined>, 'default'>,
): Setting<string | undefined> {
  return { ...described, default: undefined, parse: (value) => ({ value }) };
}

/** As `text`, but there is no value to assume: without one nothing starts. */
export function requiredText(
  described: Readonly<{ help: string; aliases?: readonly string[]; secret?: boolean }>,
): Setting<string> {
  // Reading refuses the absence before anybody sees it.
  const absent = undefined as unknown as string;
  return { ...described, default: absent, required: true, parse: (value) => ({ value }) };
}

export function flag(described: Described<boolean>): Setting<boolean> {
  return {
    ...described,
    parse: (value) => {
      if (value === 'true' || value === '1') return { value: true };
      if (value === 'false' || value === '0') return { value: false };
      return { expected: 'true or false' };
    },
  };
}

export function choice<T extends string>(
  described: Described<T> & Readonly<{ of: readonly T[] }>,
): Setting<T> {
  return {
    ...described,
    parse: (written) => {
      const value = described.of.find((one) => one === written);
      return value === undefined ? { expected: `one of ${described.of.join(', ')}` } : { value };
    },
  };
}

function quantity<T extends number | undefined>(
  described: Bounded<T>,
  units: Readonly<Record<string, number>>,
  noun: string,
): Setting<T | number> {
  const { min, max } = described;
  return {
    ...described,
    parse: (written) => {
      const match = /^(\d+)\s*([A-Za-z]*)$/.exec(written.trim());
      const factor = units[match?.[2] ?? '?'];
      if (factor === undefined) return { expected: `${noun} (${range(min, max, units)})` };
      const value = Number(match?.[1]) * factor;
      const inRange = value >= min && value <= max;
      return inRange ? { value } : { expected: `from ${range(min, max, units)}` };
    },
  };
}

function range(min: number, max: number, units: Readonly<Record<string, number>>): string {
  return `${written(min, units)} to ${written(max, units)}`;
}

/** In the largest unit that leaves a whole number. */
function written(value: number, units: Readonly<Record<string, number>>): string {
  const [unit, factor] = Object.entries(units)
    .toSorted((a, b) => b[1] - a[1])
    .find(([, size]) => value % size === 0 && value >= size) ?? ['', 1];
  return `${value / factor}${unit}`;
}
