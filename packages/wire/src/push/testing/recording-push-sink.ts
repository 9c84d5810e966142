import type { RejectReason } from '../../samples/reject-reasons.ts';
import { decodePush } from '../decode-push.ts';
import type { PushLimits } from '../push-limits.ts';
import type { PushFormat, PushSample } from '../push-sink.ts';

/** What a decoder told of one sample. */
export type ToldSample = PushSample | { reason: RejectReason; detail: string };

/** Everything a request tells, by ordinal. */
export function decodeAll(
  body: string | Uint8Array,
  format: PushFormat,
  limits: Partial<PushLimits> = {},
): ToldSample[] {
  const told: ToldSample[] = [];
  const add = (ordinal: number, sample: ToldSample): void => {
    if (ordinal !== told.length) throw new Error(`ordinal ${ordinal} follows ${told.length - 1}`);
    told.push(sample);
  };
  const bytes = typeof body === 'string' ? Uint8Array.from(Buffer.from(body)) : body;
  const sink = {
    sample: add,
    reject: (ordinal: number, reason: RejectReason, detail: string) =>
      add(ordinal, { reason, detail }),
  };
  decodePush(bytes, format, sink, limits);
  return told;
}
