import type { Label } from '@millrace/model';

/** The metric that the load generator sends unless told otherwise. */
export const LOAD_METRIC = 'http_server_requests_total';

/**
 * Series number `i` of the load: ten labels, about 245 bytes of them as protobuf, as a scraped
 * service in a cluster has them. Sorted by name, as senders of remote write must.
 */
export function loadSeries(i: number, metric: string = LOAD_METRIC): Label[] {
  const pod = String(i % 100).padStart(2, '0');
  return [
    ['__name__', metric],
    ['cluster', 'eu-central-1'],
    ['endpoint', `/v2/orders/${String(Math.floor(i / 100)).padStart(4, '0')}`],
    ['instance', `10.42.17.${pod}:9090`],
    ['job', 'checkout/api'],
    ['method', METHODS[i % METHODS.length]!],
    ['namespace', 'production'],
    ['node', 'pool-7d9'],
    ['pod', `checkout-6c9f7-${pod}`],
    ['status', '200'],
  ];
}

const METHODS: readonly string[] = ['GET', 'POST', 'PUT'];

/** Bytes of the labels as protobuf: tag and length of each label, of its name and of its value. */
export function labelBytes(labels: readonly Label[]): number {
  return labels.reduce((bytes, [name, value]) => bytes + 6 + name.length + value.length, 0);
}
