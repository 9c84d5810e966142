import { systemClock } from '@millrace/runtime';
import { TOPIC_EVENTS, type Producer } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { IdentityKind } from '@millrace/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { Appender } from './appender.ts';
import type { ReceiverEvents } from '../events.ts';
import type { DraftPart } from '../parts/part-builder.ts';
import { eventually } from '../testing/eventually.ts';
import { closedGate } from '../testing/gated-producer.ts';

const HEADER = {
  tenant: 'a',
  protocol: 'test',
  identityKind: IdentityKind.none,
  identity: new Uint8Array(16),
  receivedAtUs: 1,
};

function draftOf(part: number, learned?: () => void): DraftPart {
  return {
    partition: 0,
    part,
    learned,
    refused: new Uint32Array(0),
    fingerprints: new Uint8Array(16),
    kinds: new Uint8Array(1),
    definitions: {
      rows: new Uint32Array(0),
      symbolBytes: new Uint8Array(0),
      symbolLengths: new Uint32Array(0),
      labelCounts: new Uint8Array(0),
      labelRefs: new Uint32Array(0),
    },
    seriesIndex: new Uint32Array(1),
    times: new Float64Array(1),
    values: new Float64Array(1),
    flags: new Uint8Array(1),
    ids: [],
    startTimes: new Float64Array(0),
    histograms: [],
    exemplars: [],
    metadata: [],
  };
}

const thrower = (): never => {
  throw new Error('nobody expected it');
};

describe('an append of which somebody throws that is told of it', () => {
  let log: MemoryLog;
  beforeEach(() => {
    log = new MemoryLog({ partitions: 1, clock: systemClock });
  });

  /** Its events do nothing, but for those given. */
  function appender(
    events: Partial<Pick<ReceiverEvents, 'appended' | 'appendFailed'>>,
    wrap: (producer: Producer) => Producer = (producer) => producer,
  ): Appender {
    const quiet = { appended: () => undefined, appendFailed: () => undefined };
    return new Appender({
      producer: wrap(openMemoryStream(log).producer()),
      clock: systemClock,
      receiver: '00'.repeat(8),
      partitions: 1,
      appendBytesMax: 1,
      events: { ...quiet, ...events } as ReceiverEvents,
    });
  }

  const refusing = (producer: Producer): Producer => ({
    append: async () => await Promise.reject(new Error('the log said no')),
    close: async () => await producer.close(),
  });

  it.each([
    ['when it was durable', { appended: thrower }, undefined],
    ['when it failed', { appendFailed: thrower }, refusing],
  ])('is not acknowledged, and over: %s', async (_, events, wrap) => {
    const tried = appender(events, wrap);
    const append = tried.append({ drafts: [draftOf(0)], owned: false }, HEADER);
    await expect(append.durable).rejects.toMatchObject({ code: 'RECEIVER_NOT_APPENDED' });
    await append.settled;
    expect(tried.oldestMs).toBe(0);
    expect(tried.lastFailure).toBeDefined();
  });

  it('tells both errors where a failure could not be told', async () => {
    const append = appender({ appendFailed: thrower }, refusing).append(
      { drafts: [draftOf(0)], owned: false },
      HEADER,
    );
    const cause = await append.durable.catch((error: unknown) => (error as Error).cause);
    expect(cause).toBeInstanceOf(AggregateError);
    expect((cause as AggregateError).errors.map(String)).toEqual([
      'Error: the log said no',
      'Error: nobody expected it',
    ]);
  });

  it('gives back its bytes, so that the next of a slow request comes', async () => {
    const gate = closedGate();
    const tried = appender({}, gate.wrap);
    // Of two that are under way the second waits for what the first has.
    const drafts = [draftOf(0, thrower), draftOf(0)];
    const first = tried.append({ drafts: drafts.slice(0, 1), owned: true }, HEADER);
    const second = tried.append({ drafts: drafts.slice(1), owned: true }, HEADER);
    await eventually(() => gate.waiting === 1);
    gate.open();
    await expect(first.durable).rejects.toMatchObject({ code: 'RECEIVER_NOT_APPENDED' });
    expect(await second.durable).toEqual([{ partition: 0, position: 2 }]);
    await Promise.all([first.settled, second.settled]);
    const stream = openMemoryStream(log);
    expect(await stream.bounds(TOPIC_EVENTS, 0)).toMatchObject({ end: 2 });
  });
});
