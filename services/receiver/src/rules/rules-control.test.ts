import { systemClock } from '@millrace/runtime';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { expect, it } from 'vitest';
import { Deadlines } from '../intake/deadlines.ts';
import { RulesControl } from './rules-control.ts';
import { beginRules } from '../testing/begin-rules.ts';
import { eventually } from '../testing/eventually.ts';

const clock = systemClock;
const nothing = (): undefined => undefined;
const events = { rulesApplied: nothing, rulesNotApplied: nothing, candidateChanged: nothing };

/** A log whose readers answer when a test says so. */
function gatedReads(stream: Stream) {
  const waiting: (() => void)[] = [];
  let opened = 0;
  const seen: Stream = {
    partitions: stream.partitions,
    producer: () => stream.producer(),
    bounds: (...where) => stream.bounds(...where),
    release: (...where) => stream.release(...where),
    close: () => stream.close(),
    reader: (...where) => {
      const reader = stream.reader(...where);
      opened += 1;
      return {
        end: undefined,
        next: async (params) => {
          await new Promise<void>((resolve, reject) => {
            waiting.push(resolve);
            params.signal?.addEventListener('abort', () => reject(params.signal?.reason as Error));
          });
          return await reader.next(params);
        },
        close: () => reader.close(),
      };
    },
  };
  return { seen, waiting, opened: () => opened };
}

it('reads once for all who ask at once, and once more for those who came meanwhile', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const { number } = await beginRules(stream);
  const { seen, waiting, opened } = gatedReads(stream);
  const deadlines = new Deadlines({ clock, ms: 10_000 });
  const rules = new RulesControl({ stream: seen, clock, events, deadlines });
  const first = rules.read();
  await eventually(() => waiting.length === 1);
  const others = Array.from({ length: 20 }, () => rules.read());
  waiting.shift()?.();
  expect((await first).inForce.number).toBe(number);
  await eventually(() => waiting.length === 1);
  waiting.shift()?.();
  await Promise.all(others);
  expect(opened()).toBe(2);
});

it('gives up a log that does not answer, and asks it anew the next time', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
  const { number } = await beginRules(stream);
  const { seen, waiting } = gatedReads(stream);
  const deadlines = new Deadlines({ clock, ms: 20 });
  const rules = new RulesControl({ stream: seen, clock, events, deadlines });
  await expect(rules.read()).rejects.toMatchObject({ code: 'RULES_LOG_SLOW', kind: 'transient' });
  waiting.length = 0;
  const again = rules.read();
  await eventually(() => waiting.length === 1);
  waiting.shift()?.();
  expect((await again).inForce.number).toBe(number);
  expect((await stream.bounds(TOPIC_CONTROL, 0)).end).toBeGreaterThan(0);
});
