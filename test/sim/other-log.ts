import { createHash } from 'node:crypto';
import { createMeter, silentLog, type PartitionStatus } from '@millrace/runtime';
import type { StatePosition } from '@millrace/state';
import { MemoryStateStore } from '@millrace/state/memory';
import { createMemoryStore, type MemoryStoreDatabase } from '@millrace/store/memory';
import { TOPIC_CHECKPOINTS, TOPIC_EVENTS } from '@millrace/stream';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { createTransformer, DEFAULT_TRANSFORMER_SETTINGS } from '@millrace/transformer';
import { encodeEventsRecord, EventsRecordKind } from '@millrace/wire';
import { createWriter } from '@millrace/writer';
import { loseState } from './damaged-state.ts';
import type { RecordedLog } from './recorded-log.ts';
import { SIM_PARTITIONS } from './sim-plan.ts';
import type { SimWorld } from './sim-world.ts';

const OTHER_LOG_ID = 'ffeeddccbbaa99887766554433221100';
/** Long enough for anybody to fold, publish and store what he should not. */
const STEPS = 400;

/**
 * Somebody puts another log in place of the one that the state and the store belong to, and it is
 * longer: a position means nothing in it. Everything has to stop, and nothing may be changed. When
 * the state is lost as well, the checkpoints that are still there are of no use.
 */
export async function checkOtherLog(world: SimWorld): Promise<string[]> {
  const { clock, database, store, partitions } = world;
  const log = new MemoryLog({ partitions: SIM_PARTITIONS, clock });
  await copyUnderOtherId(world.log, log);
  const positions = (): (StatePosition | undefined)[] =>
    partitions.map((partition) => database.partition(partition).position);
  const before = [JSON.stringify(positions()), storeDigest(store)];
  const problems: string[] = [];
  const onDefect = (error: unknown): void => void problems.push(`other log: ${String(error)}`);
  const { folded } = await runOn(world, log, onDefect);
  for (const { partition, state, reason } of folded) {
    if (state !== 'stopped' || reason === undefined) {
      problems.push(`partition ${partition} of another log is ${state}`);
    }
  }
  if (JSON.stringify(positions()) !== before[0]) problems.push('another log changed the state');
  for (const partition of partitions) loseState(database.partition(partition));
  await runOn(world, log, onDefect);
  for (const [partition, position] of positions().entries()) {
    if (position === undefined || position.logId === OTHER_LOG_ID) continue;
    problems.push(`partition ${partition}: a checkpoint of another log was restored`);
  }
  if (storeDigest(store) !== before[1]) problems.push('another log changed what is stored');
  return problems;
}

/** Lets both stages do what they will on a log, and tells what both say of their partitions. */
export async function runOn(
  { clock, database, store, partitions }: SimWorld,
  log: MemoryLog,
  onDefect: (error: unknown) => void,
): Promise<Readonly<{ folded: PartitionStatus[]; written: PartitionStatus[] }>> {
  const parts = { clock, log: silentLog, stream: openMemoryStream(log) };
  const transformer = createTransformer(
    { ...parts, meter: createMeter(), state: new MemoryStateStore(database) },
    { ...DEFAULT_TRANSFORMER_SETTINGS, partitions, commitMs: 1000 },
  );
  const writer = createWriter({ ...parts, meter: createMeter(), store: createMemoryStore(store) });
  for (const stage of [transformer, writer]) stage.run().catch(onDefect);
  await clock.sleepSteps(STEPS);
  const folded = transformer.status().partitions;
  const written = writer.status().partitions;
  await transformer.kill();
  const stopping = writer.stop();
  await clock.sleepSteps(STEPS);
  await stopping;
  return { folded, written };
}

/** The same events under another id, and some more; the checkpoints are those of before. */
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
    for (const { payload } of from.records(TOPIC_CHECKPOINTS, partition)) {
      await producer.append(TOPIC_CHECKPOINTS, partition, payload);
    }
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
  // Bytes as one text: as objects they would be one property for each.
  const plain = (_key: string, value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  return createHash('sha256').update(JSON.stringify(contents, plain)).digest('hex');
}
