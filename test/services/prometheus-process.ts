import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../integration/running-millrace.ts';
import { freePort } from '@millrace/runtime/testing';
import { decodeReadResponse, encodeReadRequest, type TsdbSample } from './remote-read.ts';

const READY_MS_MAX = 60_000;
const OUTPUT_CHARACTERS_MAX = 20_000;

export interface PrometheusParams {
  readonly program: string;
  /** Exists and is empty. */
  readonly directory: string;
  /** Everything but `global`. */
  readonly config: (self: string) => object;
}

/** A series of an answer of `/api/v1/query`: times in seconds, values as text. */
export interface QuerySeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [timeSeconds: number, value: string])[];
}

/** The real Prometheus, every feature on that it sends more with. */
export class PrometheusProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
  }

  static async start({ program, directory, config }: PrometheusParams): Promise<PrometheusProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const file = join(directory, 'prometheus.yml');
    // JSON is YAML.
    const global = { scrape_interval: '1s', scrape_timeout: '900ms', evaluation_interval: '1s' };
    await writeFile(file, JSON.stringify({ global, ...config(address) }, undefined, 2));
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'tsdb')}`,
      `--web.listen-address=${address}`,
      '--enable-feature=native-histograms,exemplar-storage',
      '--log.level=warn',
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const prometheus = new PrometheusProcess(`http://${address}`, child);
    await until('Prometheus is ready', READY_MS_MAX, async () => {
      if (child.exitCode !== null) throw new Error(`it ended:\n${prometheus.output}`);
      return await prometheus.#isReady();
    });
    return prometheus;
  }

  /** What it logged lately. */
  get output(): string {
    return this.#output;
  }

  async query(query: string): Promise<QuerySeries[]> {
    const answer = await fetch(`${this.url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const body = (await answer.json()) as {
      status: string;
      error?: string;
      data: { result: (QuerySeries & { value?: readonly [number, string] })[] };
    };
    if (body.status !== 'success') throw new Error(`${query}: ${body.error}`);
    return body.data.result.map(({ metric, values, value }) => ({
      metric,
      values: values ?? (value === undefined ? [] : [value]),
    }));
  }

  /** Everything its TSDB has of the interval, stale markers included, which no query shows. */
  async readAll(startMs: number, endMs: number): Promise<TsdbSample[]> {
    const answer = await fetch(`${this.url}/api/v1/read`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        'x-prometheus-remote-read-version': '0.1.0',
      },
      body: encodeReadRequest(startMs, endMs),
    });
    if (!answer.ok) throw new Error(`remote read: ${answer.status} ${await answer.text()}`);
    return decodeReadResponse(new Uint8Array(await answer.arrayBuffer()));
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), READY_MS_MAX);
    await this.#ended;
    clearTimeout(late);
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`)).ok;
    } catch {
      return false;
    }
  }
}
