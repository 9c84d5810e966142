import { createHash } from 'node:crypto';
import { misuse } from '../../stream-error.ts';
import { RequestQueue, type KafkajsRequestQueue } from './kafkajs-internals.ts';

/** SHA-256 of the method as kafkajs 2.2.4 has it, so that no other one is ever replaced. */
const KNOWN = '04347ea969c6f2e3754427c0cbaee0bd4ce947fbd82f7b6e027506a06dfc581a';

type Schedule = KafkajsRequestQueue['scheduleCheckPendingRequests'];
let patched: Schedule | undefined;

/**
 * kafkajs looks for requests that a throttled connection still has to send in a timer that arms
 * itself again for ever, every millisecond, from the first answer on: 900 wake-ups a second of an
 * idle client. When nothing is pending there is nothing to look for, and `push` arms it again.
 * Repeating this changes nothing. For all clients of kafkajs in this thread.
 *
 * @throws StreamError STREAM_MISUSE when the method is not the one we know.
 */
export function quietIdleLoop(): void {
  const { prototype } = RequestQueue;
  const original = prototype.scheduleCheckPendingRequests;
  if (original === patched) return;
  const found = createHash('sha256').update(original.toString()).digest('hex');
  if (found !== KNOWN) {
    throw misuse(`kafkajs's RequestQueue.scheduleCheckPendingRequests is another one (${found}).`);
  }
  patched = function scheduleUnlessIdle(this: KafkajsRequestQueue): void {
    if (this.pending.length > 0) original.call(this);
  };
  prototype.scheduleCheckPendingRequests = patched;
}
