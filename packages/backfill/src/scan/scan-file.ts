import { createHash } from 'node:crypto';
import { HyperLogLog, type TimeUs } from '@millrace/model';
import type { FileSeries } from '../read/file-series.ts';
import { FILE_START, readFile } from '../read/read-file.ts';
import type { ReadSettings } from '../read/read-settings.ts';
import type { FileFault, RecordSink } from '../read/record-sink.ts';
import type { SampleTime } from '../read/sample-time.ts';
import type { RequestSettings } from '../stretch/stretch-requests.ts';
import type { StretchSettings } from '../stretch/stretch.ts';
import type { FileScan } from './file-scan.ts';

export interface Scanning {
  path: string;
  settings: ReadSettings;
  time: SampleTime;
  /** How, and of whose samples it would be sent. */
  sending: FileSending;
  /** Later samples are faults: no receiver takes them. */
  latestUs: TimeUs;
  /** Samples older than each of these are counted. */
  countBeforeUs: readonly TimeUs[];
  faultsMax: number;
  signal: AbortSignal;
  /** Told how many bytes of the content were read so far. */
  onBytes?: (bytes: number) => void;
}

/** What the requests of a file depend on, beside what is read of it. */
export interface FileSending {
  stretch: StretchSettings;
  request: RequestSettings;
  /** Undefined: the sender's own. */
  tenant: string | undefined;
}

/** Changes when the same file and settings would be sent in another way. */
const SENDING_VERSION = 1;

/**
 * Reads a file to its end and sends nothing.
 *
 * @throws MillraceError BACKFILL_FILE_UNREADABLE, BACKFILL_COLUMNS.
 */
export async function scanFile(params: Scanning): Promise<FileScan> {
  const { path, settings, sending, time, signal, onBytes } = params;
  const hash = createHash('sha256');
  hash.update(`${SENDING_VERSION} ${JSON.stringify([settings, sending])}\n`);
  let bytes = 0;
  const count = new ScanCount(params);
  await readFile({
    ...{ path, settings, time, from: FILE_START, sink: count, signal },
    onBytes: (block) => {
      hash.update(block);
      bytes += block.length;
      onBytes?.(bytes);
    },
  });
  return { path, digest: hash.digest('hex'), bytes, ...count.result() };
}

/** Counts what it is told. */
class ScanCount implements RecordSink {
  readonly #params: Scanning;
  readonly #faults: FileFault[] = [];
  readonly #distinct = HyperLogLog.empty();
  readonly #olderThan: number[];
  #line = 1;
  #faultCount = 0;
  #futures = 0;
  #samples = 0;
  #skipped = 0;
  #nans = 0;
  #seriesMade = 0;
  #windows = 0;
  #last: FileSeries | undefined;
  #earliestUs = Infinity;
  #latestUs = -Infinity;

  constructor(params: Scanning) {
    this.#params = params;
    this.#olderThan = params.countBeforeUs.map(() => 0);
  }

  fault(fault: FileFault): void {
    this.#faultCount += 1;
    if (this.#faults.length < this.#params.faultsMax) this.#faults.push(fault);
  }

  sample(series: FileSeries, timeUs: TimeUs, value: number): void {
    const { settings, latestUs, countBeforeUs } = this.#params;
    if (timeUs > latestUs) {
      this.#futures += 1;
      const what = `the time is ${new Date(timeUs / 1000).toISOString()}, in the future`;
      return this.fault({ line: this.#line, column: undefined, what, expected: 'a past time' });
    }
    if (value !== value) {
      if (settings.nan === 'skip') {
        this.#skipped += 1;
        return;
      }
      this.#nans += 1;
    }
    this.#samples += 1;
    if (series !== this.#last) this.#meet(series);
    const minutes = Math.floor(timeUs / FIVE_MINUTES_US);
    if (minutes !== series.window) {
      series.window = minutes;
      this.#windows += 1;
    }
    if (timeUs < this.#earliestUs) this.#earliestUs = timeUs;
    if (timeUs > this.#latestUs) this.#latestUs = timeUs;
    for (let i = 0; i < countBeforeUs.length; i += 1) {
      if (timeUs < countBeforeUs[i]!) this.#olderThan[i]! += 1;
    }
  }

  recordEnd(_offset: number, line: number): void {
    this.#line = line;
  }

  async drained(): Promise<void> {
    await Promise.resolve();
  }

  result(): Omit<FileScan, 'path' | 'digest' | 'bytes'> {
    const estimated = this.#distinct.estimate();
    const isSeriesExact = this.#seriesMade <= SERIES_EXACT_MAX;
    return {
      samples: this.#samples,
      skipped: this.#skipped,
      series: isSeriesExact ? this.#seriesMade : Math.round(estimated),
      isSeriesExact,
      windows: this.#windows,
      earliestUs: this.#samples === 0 ? NaN : this.#earliestUs,
      latestUs: this.#samples === 0 ? NaN : this.#latestUs,
      nans: this.#nans,
      faults: this.#faultCount,
      futures: this.#futures,
      firstFaults: this.#faults,
      olderThan: this.#olderThan,
    };
  }

  /** A series that is met for the first time; beyond a bound they may come again as new ones. */
  #meet(series: FileSeries): void {
    this.#last = series;
    if (series.stretch === MET) return;
    series.stretch = MET;
    this.#seriesMade += 1;
    this.#distinct.addText(JSON.stringify(series.labels));
  }
}

const FIVE_MINUTES_US = 300_000_000;
/** A mark on a series, where no stretch has one. */
const MET = -2;
/** As many as are remembered for certain. */
const SERIES_EXACT_MAX = 100_000;
