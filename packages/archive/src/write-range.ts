import type { Stream } from '@millrace/stream';
import type { ArchiveFiles } from './archive-files.ts';
import { archiveMisread } from './archive-errors.ts';
import { checkWritten, RecordsDigest } from './check-written.ts';
import { recordDescriber } from './describe-record.ts';
import { sha256Of } from './digest.ts';
import {
  ARCHIVE_FORMAT,
  encodeManifest,
  type ArchivedCheckpoint,
  type ArchivedFile,
  type RangeManifest,
} from './manifest.ts';
import { logFolder, manifestName, contentName, type RangeKey } from './range.ts';
import { readLog } from './read-log.ts';

export interface RangeSources {
  stream: Stream;
  files: ArchiveFiles;
}

export interface WantedRange {
  key: RangeKey;
  from: number;
  to: number;
  previousSha256: string | null;
  /** Whether the samples go along as rows. */
  samplesTable: boolean;
  checkpoint?: ArchivedCheckpoint;
  signal?: AbortSignal | undefined;
}

/**
 * Copies a stretch of the log that is all there: the file of records first, then the manifest, so
 * that whatever ends it in between leaves nothing that counts.
 *
 * @throws MillraceError ARCHIVE_MISREAD, before anything is put, and what stream and files do.
 */
export async function writeRange(
  { stream, files }: RangeSources,
  wanted: WantedRange,
): Promise<RangeManifest> {
  const { key, from, to, previousSha256, checkpoint, signal } = wanted;
  const copied = await copyRecords(stream, wanted);
  const { bytes, written, samplesBytes, lastSha256, ...summary } = copied;
  await checkWritten(bytes, written, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw archiveMisread({ ...key, from, to, cause: error });
  });
  const put = async (content: Uint8Array, of: 'records' | 'samples'): Promise<ArchivedFile> => {
    const sha256 = sha256Of(content);
    const name = contentName(key, { from, to, sha256 }, of);
    await files.put(name, content, signal);
    return { file: name.slice(logFolder(key).length), bytes: content.length, sha256 };
  };
  const manifest: RangeManifest = {
    ...{ format: ARCHIVE_FORMAT, ...key, from, to, previousSha256, lastSha256, ...summary },
    records: await put(bytes, 'records'),
    ...(samplesBytes && { samplesTable: await put(samplesBytes, 'samples') }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
  await files.put(manifestName(key, { from, to }), encodeManifest(manifest), signal);
  return manifest;
}

type Copied = Pick<
  RangeManifest,
  'lastSha256' | 'appendTimeUs' | 'sampleTimeUs' | 'samples' | 'payloadBytes'
> & {
  bytes: Uint8Array;
  /** Digest of the records that `bytes` are to give back. */
  written: string;
  samplesBytes: Uint8Array | undefined;
};

/** Only now: most processes have no archive, and would load two libraries for nothing. */
async function loadWriters() {
  const [records, samples] = await Promise.all([
    import('./parquet/write-records.ts'),
    import('./parquet/write-samples.ts'),
  ]);
  return { ...records, ...samples };
}

async function copyRecords(stream: Stream, wanted: WantedRange): Promise<Copied> {
  const { key, from, to, signal } = wanted;
  const { topic, partition } = key;
  const describe = recordDescriber(topic);
  const { RecordsWriter, SamplesWriter } = await loadWriters();
  const writer = new RecordsWriter();
  const table = wanted.samplesTable ? new SamplesWriter() : undefined;
  const digest = new RecordsDigest();
  const appended = new Span();
  const sampled = new Span();
  let samples = 0;
  let payloadBytes = 0;
  let last: Uint8Array | undefined;
  for await (const { offset, appendTimeUs, payload } of readLog(stream, {
    ...{ topic, partition, from, to, signal },
  })) {
    const description = describe(payload);
    // The reader's bytes are valid until it reads on.
    last = payload.slice();
    digest.add({ offset, appendTimeUs, payload: last });
    await writer.add({ offset, appendTimeUs, payload: last, description });
    await table?.add(offset, last);
    appended.add(appendTimeUs);
    sampled.add(description.timeMinUs);
    sampled.add(description.timeMaxUs);
    samples += description.samples;
    payloadBytes += payload.length;
  }
  if (last === undefined || appended.span === null) throw new Error('a range without records');
  return {
    ...{ bytes: await writer.finish(), written: digest.digest() },
    samplesBytes: await table?.finish(),
    lastSha256: sha256Of(last),
    ...{ appendTimeUs: appended.span, sampleTimeUs: sampled.span, samples, payloadBytes },
  };
}

class Span {
  span: { min: number; max: number } | null = null;

  add(value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const { min, max } = this.span ?? { min: value, max: value };
    this.span = { min: Math.min(min, value), max: Math.max(max, value) };
  }
}
