import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../services/repository.ts';

/** Inputs that broke a property once: `target.property.digest.hex`. They are read first, for ever. */
export const failedDirectory: string = join(repositoryRoot, 'test', 'fuzz', 'failed');
/** What real senders and stages wrote: `target.what.hex`. */
const corpusDirectory = join(repositoryRoot, 'test', 'fuzz', 'corpus');
/** Goldens of the records are real ones as well. */
const goldenDirectory = join(repositoryRoot, 'packages', 'wire', 'golden');

export interface KeptInput {
  file: string;
  bytes: Uint8Array;
}

export function failedInputs(target: string): KeptInput[] {
  return readInputs(failedDirectory, `${target}.`);
}

export function corpusOf(target: string): Uint8Array[] {
  return readInputs(corpusDirectory, `${target}.`).map(({ bytes }) => bytes);
}

/** Goldens whose names begin with this. */
export function goldenRecords(prefix: string): Uint8Array[] {
  return readInputs(goldenDirectory, prefix).map(({ bytes }) => bytes);
}

/** Keeps an input that broke a property; returns its file. */
export function keepInput(target: string, property: string, bytes: Uint8Array): string {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const file = join(failedDirectory, `${target}.${property}.${digest}.hex`);
  if (!existsSync(file)) writeFileSync(file, hexLines(bytes));
  return file;
}

function readInputs(directory: string, prefix: string): KeptInput[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.hex'))
    .sort()
    .map((file) => ({ file, bytes: readHex(join(directory, file)) }));
}

function readHex(path: string): Uint8Array {
  const hex = readFileSync(path, 'utf8').replaceAll(/\s/g, '');
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function hexLines(bytes: Uint8Array): string {
  return `${Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/(.{96})/g, '$1\n')}\n`;
}
