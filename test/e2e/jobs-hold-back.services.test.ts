import { beginCandidate } from '@millrace/control';
import { parseRules, type CompiledRules } from '@millrace/rules';
import { silentLog, systemClock as clock } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import type { Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { push, until } from '../integration/running-millrace.ts';
import { DistributedWorld } from '../services/distributed-world.ts';
import type { StageProcess } from '../services/stage-processes.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const SOON_MS_MAX = 60_000;
const REQUESTS = 80;
const SAMPLES = 50;
const HELD_BACK = 'millrace_transformer_job_held_back_seconds_total{partition="0"}';
const FOLDED = 'millrace_transformer_job_samples_total{partition="0"}';
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

const RULES = `rules:
  - name: sales
    match: sales
    widths: [5s]
    aggregates: [count]
`;

describe.skipIf(missing.length > 0)('jobs on a cluster', { timeout: 240_000 }, () => {
  let world: DistributedWorld;
  let stream: Stream;
  beforeEach(async () => {
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: 1 });
    stream = await openKafkaStream({
      connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
      topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
      ...{ clock, log: silentLog },
    });
  });
  afterEach(async () => {
    await stream.close();
    await world.remove();
  });

  test('hold back while the store is behind, and get on all the same', async () => {
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    const receiver = await world.start('receiver');
    const transformer = await world.start('transformer');
    const writer = await world.start('writer');
    const fromMs = Date.now() - REQUESTS * 1000;
    for (let i = 0; i < REQUESTS; i += 1) {
      const samples = Array.from({ length: SAMPLES }, (_, n) => {
        const time = new Date(fromMs + i * 1000).toISOString();
        return { name: 'sales', kind: 'gauge', value: n, time, labels: { shop: `s${n}` } };
      });
      const wait = i === REQUESTS - 1 ? { wait: 'stored' as const } : {};
      expect(await push(receiver.url, samples, wait)).toMatchObject({ status: 200 });
    }
    // Slowly, so that it is under way while things happen; from its first sample on.
    const samplesPerSecondMax = 150;
    const wanted = { rules: rulesOf(RULES), source: RULES, sinceUs: fromMs * 1000 };
    const { version } = await beginCandidate({ stream, clock }, { ...wanted, samplesPerSecondMax });
    // For longer than a store that is behind would be noticed after.
    await until('the job folds', SOON_MS_MAX, async () => {
      return (await meter(transformer, FOLDED)) > 6 * samplesPerSecondMax;
    });
    expect(await meter(transformer, HELD_BACK)).toBe(0);
    writer.child.kill('SIGSTOP');
    try {
      await until('the job holds back', SOON_MS_MAX, async () => {
        return (await meter(transformer, HELD_BACK)) > 1;
      });
      // And yet the past gets on.
      const folded = await meter(transformer, FOLDED);
      await until('the job folds more', SOON_MS_MAX, async () => {
        return (await meter(transformer, FOLDED)) > folded;
      });
      expect(folded).toBeLessThan(REQUESTS * SAMPLES);
    } finally {
      writer.child.kill('SIGCONT');
    }
    await until('the job is over, and stored', SOON_MS_MAX, async () => {
      const rows = await world.store.rows(
        `SELECT FROM edition_windows WHERE edition = (SELECT edition FROM editions
           WHERE candidate = $1 AND rule = 'sales') HAVING sum(count) = $2`,
        [version.number, REQUESTS * SAMPLES],
      );
      return rows.length === 1;
    });
  });
});

async function meter({ url }: StageProcess, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(name));
  return found === undefined ? 0 : Number(found.slice(name.length));
}

function rulesOf(source: string): CompiledRules {
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.compiled;
}
