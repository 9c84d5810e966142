import { compressSnappy, uncompressSnappy } from '../../snappy.ts';
import { decodeWriteRequest } from '../decode-write-request.ts';
import { KeyMemory } from '../key-memory.ts';
import type { RemoteWriteSink } from '../remote-write-sink.ts';

const BYTES_MAX = 8 * 1024 ** 2;

/** Samples as told: series, time in µs, value, and whether it is stale. */
export type ToldSample = readonly [series: number, timeUs: number, value: number, stale: boolean];

/** What became of a request. */
export type ToldRequest = Readonly<{ samples: ToldSample[]; refusal: string | undefined }>;

/** Remembers series from one request to the next, as a receiver does, and tells their samples. */
export class KeyMemorySink {
  readonly #keys: KeyMemory;
  readonly #numbers = new Map<string, number>();
  #last = -1;
  /** Samples that came in runs. */
  runSamples = 0;

  constructor(keys: KeyMemory) {
    this.#keys = keys;
  }

  /** Of a request that is not compressed yet. */
  request(plain: Uint8Array): ToldRequest {
    const samples: ToldSample[] = [];
    const block = compressSnappy(plain);
    const body = this.#keys.uncompress(block, BYTES_MAX) ?? uncompressSnappy(block, BYTES_MAX);
    this.#last = -1;
    try {
      decodeWriteRequest(body, this.#sink(samples));
      return { samples, refusal: undefined };
    } catch (error) {
      return { samples, refusal: String(error) };
    }
  }

  #sink(samples: ToldSample[]): RemoteWriteSink {
    const keys = this.#keys;
    return {
      series: (bytes, start, end) => this.#follow(this.#numberOf(bytes.slice(start, end))),
      expect: (bytes, start, end) => {
        if (this.#last < 0) return -1;
        const guess = keys.follower(this.#last);
        const keyEnd = start + keys.length(guess);
        if (keyEnd > end) return -1;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        return keys.equals(guess, view, start) ? keyEnd : -1;
      },
      expectedSeries: () => (this.#last = keys.follower(this.#last)),
      expectedRun: (bytes, start, limits) => {
        for (let at = start; ;) {
          if (this.#last < 0 || !keys.holds(bytes)) return at;
          const run = keys.expectedRun(at, this.#last);
          if (run.series === 0) return at;
          for (let i = 0; i < run.samples; i += 1) {
            samples.push([run.numbers[i]!, run.timesUs[i]!, run.values[i]!, false]);
          }
          limits.seriesMax -= run.series;
          limits.samplesMax -= run.samples;
          this.runSamples += run.samples;
          this.#last = run.last;
          at = run.stoppedAt;
        }
      },
      sample: (timeMs, value, stale) => samples.push([this.#last, timeMs * 1000, value, stale]),
      histogram: () => undefined,
      invalidHistogram: () => undefined,
      exemplar: () => undefined,
      metadata: () => undefined,
    };
  }

  #numberOf(key: Uint8Array): number {
    const text = Buffer.from(key).toString('latin1');
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#keys.add(key, 0, key.length);
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  #follow(series: number): void {
    if (this.#last >= 0) this.#keys.setFollower(this.#last, series);
    this.#last = series;
  }
}
