import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatLabels, SAMPLE_KIND_NAMES, SampleKind } from '@millrace/model';
import { FILE_START, fileTime, readFile } from '../read/read-file.ts';
import type { ReadSettings } from '../read/read-settings.ts';
import type { FilePlace, RecordSink } from '../read/record-sink.ts';

export const READ_DEFAULTS: ReadSettings = {
  format: 'csv',
  kind: SampleKind.gauge,
  metric: undefined,
  labels: [],
  timeUnit: undefined,
  assumesUtc: false,
  nan: 'value',
  delimiter: ',',
  timeColumn: undefined,
  valueColumn: undefined,
  metricColumn: undefined,
  labelColumns: undefined,
};

export interface WasRead {
  /** `gauge up{job="a"} 1 2026-11-29T12:00:00.000000Z`, in the order of the file. */
  samples: string[];
  /** `2:value: the value is "x"; expected …` */
  faults: string[];
  /** Where records end. */
  places: FilePlace[];
}

/** Reads a file of these bytes. */
export async function readBytes(
  bytes: string | Uint8Array,
  settings: Partial<ReadSettings>,
  from: FilePlace = FILE_START,
): Promise<WasRead> {
  const path = join(tmpdir(), `millrace-${randomUUID()}`);
  await writeFile(path, bytes);
  try {
    const all = { ...READ_DEFAULTS, ...settings };
    const { sink, read } = recordingSink();
    const { signal } = new AbortController();
    await readFile({ path, settings: all, time: fileTime(all), from, sink, signal });
    return read;
  } finally {
    await rm(path);
  }
}

function recordingSink(): { sink: RecordSink; read: WasRead } {
  const read: WasRead = { samples: [], faults: [], places: [] };
  const sink: RecordSink = {
    fault: ({ line, column, what, expected }) => {
      read.faults.push(`${line}:${column ?? ''}: ${what}; expected ${expected}`);
    },
    sample: (series, timeUs, value, isStale) => {
      const kind = SAMPLE_KIND_NAMES[series.kind]!;
      const shown = isStale ? 'stale' : String(value);
      const us = String(timeUs % 1000).padStart(3, '0');
      const time = new Date(Math.floor(timeUs / 1000)).toISOString().replace('Z', `${us}Z`);
      read.samples.push(`${kind} ${formatLabels(series.labels)} ${shown} ${time}`);
    },
    recordEnd: (offset, line) => void read.places.push({ offset, line }),
    drained: async () => await Promise.resolve(),
  };
  return { sink, read };
}
