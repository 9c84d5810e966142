import type { TestSample } from '@millrace/transformer/testing';

/** What tells a sample from all others of its series. */
export function sampleKey({ labels, timeUs, id }: TestSample): string {
  const names = Object.entries(labels).flat().sort();
  return JSON.stringify([id ?? timeUs, ...names]);
}
