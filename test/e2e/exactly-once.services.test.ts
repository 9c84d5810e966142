import { setTimeout as sleep } from 'node:timers/promises';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { DistributedWorld } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';
import { expectOnce, MILLION_STEPS, planRepeated } from './expect-once.ts';
import { sendPlanned } from './send-planned.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const SEED = 11;
const PARTITIONS = 6;
/** Short, so that a member that does not answer is missed within the test. */
const SESSION = { MILLRACE_KAFKA__SESSION_MS: '6s' };
const SESSION_MS = 6000;
/** What goes wrong comes one after another; in between the stages get to work. */
const BREATHE_MS = 1500;
const TEST_MS_MAX = 300_000;

const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('processes on Kafka, Redis and TimescaleDB', () => {
  let world: DistributedWorld;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
  });
  afterEach(async () => await world.remove());

  test(
    'a million samples three times over, whatever happens to whom',
    { timeout: TEST_MS_MAX },
    async () => {
      onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
      const receiver = await world.start('receiver');
      const stages = await Promise.all([
        ...[1, 2].map(() => world.start('transformer', SESSION)),
        ...[1, 2].map(() => world.start('writer', SESSION)),
      ]);
      const [transformer, , writer] = stages as [StageProcess, StageProcess, StageProcess];
      const million = planRepeated(SEED, MILLION_STEPS);
      const { planned, firstTimeMs } = million;
      const sending = sendPlanned(planned, { url: receiver.url, connections: 6, firstTimeMs });
      const happening = haveThingsHappen({ receiver, transformer, writer });
      const sent = await sending;
      await happening;
      await expectOnce(world.store, million, sent);
    },
  );

  /** Each of the things that must not matter, in turn, while samples come in. */
  async function haveThingsHappen(
    parts: Readonly<Record<'receiver' | 'transformer' | 'writer', StageProcess>>,
  ): Promise<void> {
    let { receiver, transformer, writer } = parts;
    const happens: (() => Promise<unknown>)[] = [
      async () => (transformer = await world.killAndStartAgain(transformer, SESSION)),
      async () => (writer = await world.killAndStartAgain(writer, SESSION)),
      async () => (receiver = await world.killAndStartAgain(receiver)),
      // Joining and leaving.
      async () => {
        const third = await Promise.all([
          world.start('transformer', SESSION),
          world.start('writer', SESSION),
        ]);
        await sleep(BREATHE_MS);
        for (const one of third) expect(await world.stop(one)).toBe(0);
      },
      // State is gone: it is folded again from the start of the log.
      async () => expect(await world.flushState()).toBe(PARTITIONS),
      // In the middle of COPY and COMMIT, wherever they are.
      async () => {
        for (let i = 0; i < 10; i += 1) {
          await world.cutDatabaseConnections();
          await sleep(BREATHE_MS / 10);
        }
      },
      // Two owners at once: one that sleeps past its session, and wakes up as if nothing was.
      async () => {
        transformer.child.kill('SIGSTOP');
        writer.child.kill('SIGSTOP');
        await sleep(2 * SESSION_MS);
        transformer.child.kill('SIGCONT');
        writer.child.kill('SIGCONT');
      },
    ];
    for (const happen of happens) {
      await sleep(BREATHE_MS);
      await happen();
    }
  }
});
