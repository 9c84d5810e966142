import { InvalidArgumentError } from 'commander';

/** Bytes that an audit holds of each sample, with room for what it cannot foresee. */
const SAMPLE_BYTES = 44;
const MIB = 1024 * 1024;

/** How many samples it may hold at once. */
export function samplesIn(memoryMib: number): number {
  return Math.floor((memoryMib * MIB) / SAMPLE_BYTES);
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

export function mebibytes(text: string): number {
  const number = wholeNumber(text);
  if (number < 16) throw new InvalidArgumentError('It is less than 16 MiB.');
  return number;
}
