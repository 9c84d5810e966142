import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditReport } from '@millrace/audit';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { until } from '../integration/running-millrace.ts';
import { DEFAULT_LOAD, LoadRun } from '../load/load-run.ts';
import { DistributedWorld } from '../services/distributed-world.ts';
import { untilLoadVisible } from '../services/stored-load.ts';
import { unpackSamples } from '../services/unpack-samples.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const METRIC = 'audited';
const STORED_MS_MAX = 60_000;
const AGE_MS = 3 * 3_600_000;

const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('millrace audit on Kafka and TimescaleDB', () => {
  let world: DistributedWorld;
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-audit-'));
    const [kafka, redis, timescale] = provided.map(urlOf);
    const urls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: 3 });
  });
  afterEach(async () => {
    await world.remove();
    await rm(directory, { recursive: true });
  });

  test('proves what is stored, and names a row that is gone', { timeout: 120_000 }, async () => {
    const receiver = await world.start('receiver');
    const [transformer] = await Promise.all([world.start('transformer'), world.start('writer')]);
    const load = {
      ...DEFAULT_LOAD,
      ...{ url: receiver.url, metric: METRIC, series: 200, seriesPerRequest: 50 },
      ...{ stepsMax: 100, rate: 5000, firstTimeMs: Date.now() - AGE_MS },
    };
    const run = new LoadRun(load);
    const running = run.run(new AbortController().signal);
    await until('some of it is acknowledged', STORED_MS_MAX, async () => run.samples > 4000);
    expect((await audit()).findings).toEqual([]);
    await world.killAndStartAgain(transformer);
    const result = await running;
    await untilLoadVisible(world.store, load, result, STORED_MS_MAX);
    const { findings, rows } = await audit();
    expect(findings).toEqual([]);
    expect(rows['samples']).toBe(result.samples);
    expect((await audit('--deep')).findings).toEqual([]);
    await unpackSamples(world.store, METRIC);
    await world.store.rows(
      `DELETE FROM samples_narrow
       WHERE series_id = (SELECT min(series_id) FROM series WHERE metric = $1)
       AND time = (SELECT min(time) FROM samples)`,
      [METRIC],
    );
    await expect(audit()).rejects.toThrow(/ended with 1:[^]*"row_missing"[^]*AUDIT_BROKEN/);
  });

  async function audit(...flags: readonly string[]): Promise<AuditReport> {
    const report = ['--report', join(directory, 'report')];
    return JSON.parse(await world.run('audit', '--json', ...report, ...flags)) as AuditReport;
  }
});
