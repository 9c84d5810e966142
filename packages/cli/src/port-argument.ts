import { InvalidArgumentError } from 'commander';

/** The text as the variable of the same setting takes it: who gave an option is told of that. */
export function portArgument(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError('It is a number from 0 to 65535; 0 takes any that is free.');
}
