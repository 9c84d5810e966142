import { createReceiver, receiverSettings } from '@millrace/receiver';
import { createMeter, dependencyOf, silentLog, systemClock, type Log } from '@millrace/runtime';
import { MemoryStateDatabase, MemoryStateStore } from '@millrace/state/memory';
import { createMemoryStore, MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_CONTROL, TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { logStart, TEST_LOG_ID } from '@millrace/transformer/testing';
import {
  ControlRecordKind,
  decodeEventsRecord,
  encodeControlRecord,
  encodeEventsRecord,
  EventsRecordKind,
} from '@millrace/wire';
import { createWriter } from '@millrace/writer';
import { describe, expect, it, vi } from 'vitest';

const PARTITIONS = 2;
const REQUESTS = 40;

/** A log that a receiver has filled: everything in it was acknowledged. */
async function filledLog(): Promise<MemoryLog> {
  const log = new MemoryLog({ partitions: PARTITIONS, clock: systemClock });
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (const { record } of logStart(undefined, { publishUs: 20_000 })) {
      log.partition(TOPIC_EVENTS, partition).append(encodeEventsRecord(record));
    }
  }
  const stream = openMemoryStream(log);
  const logIds = Array.from({ length: PARTITIONS }, () => TEST_LOG_ID);
  const parts = { stream, clock: systemClock, log: silentLog, meter: createMeter(), logIds };
  const receiver = createReceiver(parts, receiverSettings({ port: 0 }));
  for (let i = 0; i < REQUESTS; i += 1) {
    const samples = ['a', 'b', 'c', 'd', 'e'].map((name) => ({
      name,
      value: i,
      time: 1000 * i + 1,
    }));
    const body = Buffer.from(JSON.stringify(samples));
    const receipt = await receiver.receive({ protocol: 'events.json', body, producer: undefined });
    expect(receipt.accepted).toBe(samples.length);
  }
  await receiver.stop();
  await stream.close();
  return log;
}

/** The same log without some of its records; what they held, by partition. */
function without(
  log: MemoryLog,
  isGone: (partition: number, nth: number) => boolean,
): { left: MemoryLog; gone: number[] } {
  const left = new MemoryLog({ partitions: PARTITIONS, clock: systemClock });
  const gone = new Array<number>(PARTITIONS).fill(0);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    let nth = 0;
    for (const { payload } of log.partition(TOPIC_EVENTS, partition).read(0, Infinity)) {
      const record = decodeEventsRecord(payload.slice());
      const samples = record.kind === EventsRecordKind.data ? record.values.length : 0;
      if (samples > 0) nth += 1;
      if (samples > 0 && isGone(partition, nth)) gone[partition]! += samples;
      else left.partition(TOPIC_EVENTS, partition).append(payload.slice());
    }
  }
  return { left, gone };
}

/** Folds and stores a log; resolves with the ledger once it has everything. */
async function drained(left: MemoryLog, accepted: number, { known = 0 } = {}) {
  const stream = openMemoryStream(left);
  if (known > 0) beginControl(left, known);
  const database = new MemoryStoreDatabase();
  const warnings: unknown[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void warnings.push(fields) };
  const parts = { stream, clock: systemClock, log, meter: createMeter() };
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const state = new MemoryStateStore(new MemoryStateDatabase());
  const settings = { ...DEFAULT_TRANSFORMER_SETTINGS, partitions, tickMs: 20, commitMs: 10 };
  const transformer = createTransformer({ ...parts, state }, settings);
  const writer = createWriter({ ...parts, store: createMemoryStore(database) }, { partitions });
  const running = [transformer.run(), writer.run()];
  const ledger = () =>
    partitions.map((partition) => {
      const [totals, ...others] = database.ledger(partition);
      expect(others).toEqual([]);
      return totals!;
    });
  await vi.waitFor(
    () => expect(ledger().reduce((sum, totals) => sum + totals.accepted, 0)).toBe(accepted),
    { timeout: 20_000, interval: 10 },
  );
  const lost = ledger().reduce((sum, totals) => sum + (totals.lost ?? 0), 0);
  const isDegraded = lost > known;
  // What is known of losses is read beside the events.
  await vi.waitFor(
    () => {
      const { state: told, detail = '' } = dependencyOf(transformer.status());
      expect(told).toBe(isDegraded ? 'degraded' : 'ok');
      if (isDegraded && known > 0) expect(detail).toMatch('that are known');
    },
    { timeout: 20_000, interval: 10 },
  );
  const stage = dependencyOf(transformer.status());
  const exposition = await parts.meter.exposition();
  await Promise.all([transformer.stop(), writer.stop()]);
  await Promise.all(running);
  await stream.close();
  return { ledger: ledger(), stage, exposition, warnings };
}

/** Somebody knows of so many samples that partition 1 has lost. */
function beginControl(log: MemoryLog, samples: number): void {
  const control = log.partition(TOPIC_CONTROL, 0);
  const begin = { logId: TEST_LOG_ID, partitions: PARTITIONS, firstNumber: 1 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.log, ...begin }));
  const losses = [{ partition: 1, logId: TEST_LOG_ID, samples }];
  const known = { losses, note: '', acknowledgedAtUs: 0 };
  control.append(encodeControlRecord({ kind: ControlRecordKind.acknowledgement, ...known }));
}

describe('a log that lost records', () => {
  it('is told by the ledger, exactly, with a warning and on readiness', async () => {
    const { left, gone } = without(await filledLog(), (partition, nth) =>
      partition === 1 ? nth === 1 || nth === 9 : false,
    );
    const { ledger, stage, exposition, warnings } = await drained(left, 5 * REQUESTS);
    expect(gone[0]).toBe(0);
    expect(gone[1]).toBeGreaterThan(0);
    expect(ledger.map(({ lost }) => lost)).toEqual(gone);
    // What a lost record said of labels, others may have left out.
    for (const { accepted, stored, deadLetter, lost = 0 } of ledger) {
      expect(stored + deadLetter + lost).toBe(accepted);
    }
    expect(stage).toMatchObject({ name: 'transformer', state: 'degraded' });
    expect(stage.detail).toMatch(`Partition 1: FOLD_SAMPLES_LOST: Partition 1 of metrics.events`);
    expect(stage.detail).toMatch(`has lost ${gone[1]} samples`);
    expect(exposition).toMatch(`millrace_transformer_lost_samples{partition="1"} ${gone[1]}`);
    expect(exposition).toMatch('millrace_transformer_lost_samples{partition="0"} 0');
    const receiver = expect.stringMatching(/^[0-9a-f]{16}$/);
    const told = { partition: 1, receiver, tenant: 'default' };
    // The log and its barrier come first; the hole lies between the receiver's records.
    expect(warnings).toEqual([
      { ...told, samples: expect.any(Number), afterOffset: -1, offset: 2 },
      { ...told, samples: expect.any(Number), afterOffset: 8, offset: 9 },
    ]);
  });

  it('names only what is lost beyond what is known, and counts it all the same', async () => {
    const damaged = async () =>
      without(await filledLog(), (partition, nth) => partition === 1 && nth === 9);
    const { gone } = await damaged();
    const lost = gone[1]!;
    const all = await drained((await damaged()).left, 5 * REQUESTS, { known: lost });
    expect(all.stage).toEqual({ name: 'transformer', state: 'ok' });
    expect(all.ledger.map((totals) => totals.lost)).toEqual(gone);
    const more = await drained((await damaged()).left, 5 * REQUESTS, { known: lost - 1 });
    expect(more.stage.detail).toMatch(
      `lost 1 samples that it had acknowledged, beside ${lost - 1}`,
    );
  });

  it('is not told of one that lost nothing', async () => {
    const { left } = without(await filledLog(), () => false);
    const { ledger, stage, warnings } = await drained(left, 5 * REQUESTS);
    expect(ledger.map(({ lost }) => lost)).toEqual([0, 0]);
    expect(stage).toEqual({ name: 'transformer', state: 'ok' });
    expect(warnings).toEqual([]);
  });
});
