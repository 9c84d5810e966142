import { createHash } from 'node:crypto';
import { createMeter, silentLog } from '@millrace/runtime';
import { MemoryStateStore } from '@millrace/state/memory';
import { createMemoryStore, type MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { createWriter } from '@millrace/writer';
import type { RecordedLog } from './recorded-log.ts';
import { SIM_PARTITIONS } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';

const OTHER_LOG_ID = 'ffeeddccbbaa99887766554433221100';
/** Long enough for anybody to fold, publish and store what he should not. */
const STEPS = 400;

/**
 * Somebody puts another log in place of the one that the state and the store belong to, and it is
 * longer: a position means nothing in it. Everything has to stop, and nothing may be changed.
 */
export async function checkOtherLog(world: SimWorld): Promise<string[]> {
  const { clock, database, store } = world;
  const log = new MemoryLog({ partitions: SIM_PARTITIONS, clock });
  await copyUnderOtherId(world.log, log);
  const positions = (): string =>
    JSON.stringify(world.partitions.map((partition) => database.partition(partition).position));
  const before = [positions(), storeDigest(store)];
  const parts = { clock, log: silentLog, stream: openMemoryStream(log) };
  const transformer = createTransformer(
    { ...parts, meter: createMeter(), state: new MemoryStateStore(database) },
    { ...DEFAULT_TRANSFORMER_SETTINGS, partitions: world.partitions, commitMs: 1000 },
  );
  const writer = createWriter({ ...parts, meter: createMeter(), store: createMemoryStore(store) });
  const problems: string[] = [];
  for (const stage of [transformer, writer]) {
    stage.run().catch((error: unknown) => problems.push(`of another log: ${String(error)}`));
  }
  await clock.sleepSteps(STEPS);
  const { partitions } = transformer.status();
  for (const { partition, state, reason } of partitions) {
    if (state !== 'stopped' || reason === undefined) {
      problems.push(`partition ${partition} of another log is ${state}`);
    }
  }
  await transformer.kill();
  const stopping = writer.stop();
  await clock.sleepSteps(STEPS);
  await stopping;
  const after = [positions(), storeDigest(store)];
  if (after[0] !== before[0]) problems.push('another log changed the state');
  if (after[1] !== before[1]) problems.push('another log changed what is stored');
  return problems;
}

/** The same records under another id, and some more. */
async function copyUnderOtherId(from: RecordedLog, to: MemoryLog): Promise<void> {
  const producer = openMemoryStream(to).producer();
  for (let partition = 0; partition < SIM_PARTITIONS; partition += 1) {
    const records = from.records(TOPIC_EVENTS, partition);
    const first = { kind: EventsRecordKind.log, logId: OTHER_LOG_ID } as const;
    const tick = { kind: EventsRecordKind.tick, receivedAtUs: to.clock.nowUs() } as const;
    await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(first));
    for (const { payload } of records.slice(1)) {
      await producer.append(TOPIC_EVENTS, partition, payload);
    }
    await producer.append(TOPIC_EVENTS, partition, encodeEventsRecord(tick));
  }
}

/** Everything that users see of a store. */
export function storeDigest(store: MemoryStoreDatabase): string {
  const { samples, histograms, exemplars, finals, open, unverified, totals, moves } = store;
  const { metadata, editions } = store;
  const contents = [
    ...[samples, histograms, exemplars, finals, unverified],
    ...[open, totals, moves, metadata, editions].map((map) => [...map]),
  ];
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}
