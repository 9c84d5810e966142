import { Sender } from '../load/sender.ts';
import { requestOf, samplesIn } from './repeated-families.ts';
import type { Planned } from './repeated-schedule.ts';

/** Requests under way may differ by so many steps: real producers keep about that order. */
const APART_STEPS_MAX = 3;
const ANSWER_MS_MAX = 60_000;
const RETRY_MS_MAX = 120_000;

export interface SentTotals {
  requests: number;
  /** Samples of requests that were sent again because no acknowledgement came. */
  retries: number;
}

/**
 * Sends everything, several requests at a time, begun in order. Every answer must have accepted
 * every sample: what is a repetition is for the log's readers to find out.
 */
export async function sendPlanned(
  planned: readonly Planned[],
  params: Readonly<{ url: string; connections: number; firstTimeMs: number }>,
): Promise<SentTotals> {
  const { url, connections, firstTimeMs } = params;
  const underWay = new Set<number>();
  const waiting: (() => void)[] = [];
  let next = 0;
  let retries = 0;
  const send = async (sender: Sender): Promise<void> => {
    while (next < planned.length) {
      const at = next;
      const one = planned[at]!;
      next += 1;
      while (Math.min(...[...underWay].map((i) => planned[i]!.step)) < one.step - APART_STEPS_MAX) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      underWay.add(at);
      const before = sum(sender.retries.values());
      await sendOne(sender, one, firstTimeMs);
      retries += (sum(sender.retries.values()) - before) * samplesIn(one.rectangle);
      underWay.delete(at);
      for (const wake of waiting.splice(0)) wake();
    }
  };
  const settings = { url, answerMsMax: ANSWER_MS_MAX, retryMsMax: RETRY_MS_MAX };
  const senders = Array.from({ length: connections }, () => new Sender(settings));
  try {
    await Promise.all(senders.map(send));
  } finally {
    for (const sender of senders) sender.close();
  }
  return { requests: planned.length, retries };
}

async function sendOne(sender: Sender, planned: Planned, firstTimeMs: number): Promise<void> {
  const { family, rectangle, headers } = planned;
  const { status, body } = await sender.post(requestOf(family, rectangle, headers, firstTimeMs));
  if (family.format === 'remote write') {
    if (status !== 204) throw new Error(`${family.metric}: ${status} ${body}`);
    return;
  }
  const { accepted, identity } = JSON.parse(body) as { accepted: number; identity: string };
  if (accepted !== samplesIn(rectangle) || identity === 'none') {
    throw new Error(`${family.metric}: ${body} for ${samplesIn(rectangle)} samples`);
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
