import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { METRIC_NAME_LABEL } from '@millrace/model';
import { decodeLabels, decodeWriteRequest, uncompressSnappy } from '@millrace/wire';

const BYTES_MAX = 64 * 1024 * 1024;

/** Takes remote write and keeps nothing but sums, by metric. */
export interface CountingSink {
  readonly url: string;
  /** Of all values of metrics that begin and end so. */
  sumOf(begin: string, end: string): number;
  close(): Promise<void>;
}

export async function startCountingSink(): Promise<CountingSink> {
  const sums = new Map<string, number>();
  const server = createServer((request, response) => {
    bodyOf(request).then(
      (body) => {
        addUp(sums, body);
        response.writeHead(204).end();
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/api/v1/write`,
    sumOf: (begin, end) => {
      let sum = 0;
      for (const [metric, value] of sums) {
        if (metric.startsWith(begin) && metric.endsWith(end)) sum += value;
      }
      return sum;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return uncompressSnappy(Buffer.concat(chunks), BYTES_MAX);
}

function addUp(sums: Map<string, number>, body: Uint8Array): void {
  const none = (): undefined => undefined;
  let metric = '';
  decodeWriteRequest(body, {
    series: (bytes, start, end) => {
      const labels = decodeLabels(bytes, start, end);
      metric = labels.find(([name]) => name === METRIC_NAME_LABEL)?.[1] ?? '';
    },
    expect: () => -1,
    expectedSeries: none,
    sample: (_timestampMs, value) => void sums.set(metric, (sums.get(metric) ?? 0) + value),
    histogram: none,
    invalidHistogram: none,
    exemplar: none,
    metadata: none,
  });
}
