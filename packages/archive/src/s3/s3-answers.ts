import { archiveRefused, archiveUnreachable } from '../archive-errors.ts';
import type { ListedFile } from '../archive-files.ts';

/** One page of a listing. Keys with the archive's prefix. */
export interface ListedPage {
  files: ListedFile[];
  folders: string[];
  /** Of the next page; undefined: it was the last one. */
  next: string | undefined;
}

/** S3 answers in XML of a fixed shape; of a text of another shape nothing is believed. */
export function parseListing(xml: string): ListedPage {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw new Error('the listing is not one of S3');
  const files = blocksOf(xml, 'Contents').map((block) => {
    const name = valueOf(block, 'Key');
    const bytes = Number(valueOf(block, 'Size'));
    if (name === undefined || !Number.isSafeInteger(bytes))
      throw new Error('an entry lacks its key');
    return { name, bytes };
  });
  const folders = blocksOf(xml, 'CommonPrefixes').map((block) => valueOf(block, 'Prefix') ?? '');
  const isTruncated = valueOf(xml, 'IsTruncated') === 'true';
  const next = valueOf(xml, 'NextContinuationToken');
  if (isTruncated && next === undefined) throw new Error('the listing does not say how to go on');
  return { files, folders, next: isTruncated ? next : undefined };
}

/** What an answer that is no success means. `text`: its body. */
export function refusalOf(where: string, status: number, text: string): Error {
  const code = valueOf(text, 'Code') ?? `HTTP ${status}`;
  const message = valueOf(text, 'Message') ?? '';
  const why = message === '' ? code : `${code}, ${message}`;
  // Clocks that differ, slow bodies and busy servers are told by 4xx, and pass.
  const isPassing =
    status >= 500 || status === 429 || status === 408 || PASSING.has(code) || status < 300;
  return isPassing ? archiveUnreachable(where, why) : archiveRefused(where, why);
}

const PASSING = new Set([
  ...['RequestTimeout', 'RequestTimeTooSkewed', 'SlowDown', 'OperationAborted'],
  'ConditionalRequestConflict',
]);

function blocksOf(xml: string, tag: string): string[] {
  return [...xml.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))].map((match) => match[1]!);
}

function valueOf(xml: string, tag: string): string | undefined {
  const text = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescape(text);
}

const CODE_POINT_MAX = 0x10_ff_ff;
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" },
};

function unescape(text: string): string {
  return text.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const code = name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= CODE_POINT_MAX ? String.fromCodePoint(code) : whole;
  });
}
