import { SampleKind } from '@millrace/model';

const KINDS: ReadonlyMap<string, SampleKind> = new Map([
  ['gauge', SampleKind.gauge],
  ['cumulative', SampleKind.cumulative],
  ['counter', SampleKind.cumulative],
  ['delta', SampleKind.delta],
  ['event', SampleKind.event],
  ['unknown', SampleKind.unknown],
]);

export const KIND_NAMES = 'gauge, cumulative (or counter), delta or unknown';

/** Instead of events. */
export const EVENTS_EXPECTED: string =
  'gauge, cumulative or delta: an old event cannot be told from one that was counted before; ' +
  'if each of a series has a time of its own, delta says the same';

export function kindOf(name: string): SampleKind | undefined {
  return KINDS.get(name);
}
