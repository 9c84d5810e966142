import { MillraceError } from '@millrace/runtime';
import type { FileFormat } from './read-settings.ts';
import { readTextHead } from './text-file.ts';

const HEAD_BYTES = 64 * 1024;
const BY_NAME: readonly (readonly [RegExp, FileFormat])[] = [
  [/\.csv(?:\.gz)?$/i, 'csv'],
  [/\.(?:jsonl|ndjson|jsonlines)(?:\.gz)?$/i, 'jsonl'],
  [/\.(?:parquet|pq)$/i, 'parquet'],
];

/**
 * What a file is by its name, else by its beginning.
 *
 * @throws MillraceError BACKFILL_FORMAT, BACKFILL_FILE_UNREADABLE.
 */
export async function detectFormat(path: string): Promise<FileFormat> {
  const named = BY_NAME.find(([pattern]) => pattern.test(path));
  if (named !== undefined) return named[1];
  const head = await readTextHead(path, HEAD_BYTES);
  if (head.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet';
  const [first = ''] = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split('\n');
  if (isJson(first)) return 'jsonl';
  if (/^\{.*\} \S+ -?\d+\s*$/.test(first)) return 'promtool';
  if (!head.includes(0) && first.includes(',')) return 'csv';
  throw new MillraceError({
    code: 'BACKFILL_FORMAT',
    kind: 'permanent',
    message: `What ${path} holds cannot be told by its name or its beginning. Nothing was sent.`,
    remedy: 'Say --format csv, jsonl, promtool or parquet.',
  });
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}
