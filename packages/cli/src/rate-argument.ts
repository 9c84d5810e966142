import { InvalidArgumentError } from 'commander';

/** Samples a second: `50000`, `50k`, `2M`. */
export function rateArgument(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([kM]?)$/.exec(text) ?? [];
  const rate = Number(digits) * ({ k: 1000, M: 1_000_000 }[unit] ?? 1);
  if (rate > 0) return rate;
  throw new InvalidArgumentError('It is a number of samples above 0, as 50000 or 50k.');
}
