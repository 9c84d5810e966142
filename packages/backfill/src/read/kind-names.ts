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

export function kindOf(name: string): SampleKind | undefined {
  return KINDS.get(name);
}
