import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorText, MillraceError } from '@millrace/runtime';
import { FILE_START } from '../read/read-file.ts';
import type { FilePlace } from '../read/record-sink.ts';
import type { RejectedCount } from './backfill-target.ts';

/** How far a file is sent. Beside the file, so that the same command goes on from there. */
export interface BackfillProgress {
  version: 1;
  /** Of the file and how it is read: another one begins anew. */
  digest: string;
  startedAt: string;
  /** Once everything is stored. */
  finishedAt: string | null;
  /** Stretches that are acknowledged, and where the next one begins. */
  stretches: number;
  place: FilePlace;
  samples: number;
  accepted: number;
  rejected: RejectedCount[];
  /** What the ledger counted for the tenant before anything was sent; null: nobody told. */
  before: Record<string, number> | null;
  /** Of the last stretches: up to which everything is awaited. */
  tokens: string[];
}

export function noProgress(digest: string, startedAt: string): BackfillProgress {
  return {
    ...{ version: 1, digest, startedAt, finishedAt: null, stretches: 0 },
    ...{ place: FILE_START, samples: 0, accepted: 0, rejected: [], before: null, tokens: [] },
  };
}

/** `metrics.csv` → `metrics.csv.millrace-backfill.json`, beside it or in a directory of its own. */
export function progressPath(file: string, directory: string | undefined): string {
  return join(directory ?? dirname(file), `${basename(file)}.millrace-backfill.json`);
}

/** What is noted for exactly this file; undefined: nothing. @throws MillraceError BACKFILL_PROGRESS. */
export async function readProgress(
  path: string,
  digest: string,
): Promise<BackfillProgress | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw progressError(path, error);
  }
  let noted: unknown;
  try {
    noted = JSON.parse(text);
  } catch {
    // A file that was cut off tells nothing; what was sent is recognised.
    return undefined;
  }
  return isProgress(noted) && noted.digest === digest ? noted : undefined;
}

/** Whole or not at all. @throws MillraceError BACKFILL_PROGRESS. */
export async function writeProgress(path: string, progress: BackfillProgress): Promise<void> {
  const draft = `${path}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, `${JSON.stringify(progress, undefined, 2)}\n`);
    await rename(draft, path);
  } catch (error) {
    throw progressError(path, error);
  }
}

function isProgress(noted: unknown): noted is BackfillProgress {
  if (typeof noted !== 'object' || noted === null) return false;
  const { version, digest, stretches, place, samples, accepted, rejected, tokens } =
    noted as Partial<Record<keyof BackfillProgress, unknown>>;
  const numbers = [stretches, samples, accepted];
  return (
    version === 1 &&
    typeof digest === 'string' &&
    numbers.every((one) => Number.isSafeInteger(one) && (one as number) >= 0) &&
    isPlace(place) &&
    Array.isArray(rejected) &&
    Array.isArray(tokens) &&
    tokens.every((token) => typeof token === 'string')
  );
}

function isPlace(place: unknown): place is FilePlace {
  if (typeof place !== 'object' || place === null) return false;
  const { offset, line } = place as Partial<FilePlace>;
  return Number.isSafeInteger(offset) && offset! >= 0 && Number.isSafeInteger(line) && line! >= 1;
}

function progressError(path: string, error: unknown): MillraceError {
  return new MillraceError({
    code: 'BACKFILL_PROGRESS',
    kind: 'permanent',
    message:
      `How far a file is sent cannot be noted in ${path} (${errorText(error)}). ` +
      'What was sent is safe: sent again, it is recognised.',
    remedy: 'Name a directory that can be written with --progress-dir.',
    cause: error,
  });
}
