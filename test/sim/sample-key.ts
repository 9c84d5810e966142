import type { TestSample } from '@millrace/transformer/testing';

/** What tells a sample from all others of its series. */
export function sampleKey({ labels, timeUs, id, untimed }: TestSample): string {
  const names = Object.entries(labels).flat().sort();
  // Which time it gets is for whoever receives it to say; then its value tells it.
  return JSON.stringify([id ?? (untimed === true ? 'untimed' : timeUs), ...names]);
}

/** A sample with its value: what was acknowledged must be there like this. */
export function foundKey(sample: TestSample): string {
  const { stale, histogram, value } = sample;
  const bytes = histogram === undefined ? '' : Buffer.from(histogram).toString('hex');
  return `${sampleKey(sample)} ${stale === true ? 'stale' : value} ${bytes}`;
}
