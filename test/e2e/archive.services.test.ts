import { setTimeout as sleep } from 'node:timers/promises';
import { createArchivedTo, openArchiveFiles, type ArchiveFiles } from '@millrace/archive';
import { makeBucket, type S3Access } from '@millrace/archive/s3/testing';
import { CheckpointRetention } from '@millrace/checkpoint';
import type { ReplayReport } from '@millrace/audit';
import { applyRules, beginCandidate } from '@millrace/control';
import { silentLog, systemClock as clock, type StageStatus } from '@millrace/runtime';
import { reportMissing, type ProvidedService } from '@millrace/runtime/testing';
import { TOPIC_EVENTS, type Stream } from '@millrace/stream';
import { openKafkaStream } from '@millrace/stream/kafka';
import { afterEach, beforeEach, describe, expect, inject, onTestFailed, test } from 'vitest';
import { editionWindowsSql } from '../integration/edition-windows.ts';
import { until } from '../integration/running-millrace.ts';
import { DistributedWorld, type ServiceUrls } from '../services/distributed-world.ts';
import { runCommandLine, type StageProcess } from '../services/stage-processes.ts';
import { SalesLoad } from './sales-load.ts';
import { rulesOf, SALES_RULES } from './sales-rules.ts';

const provided = [inject('kafka'), inject('redis'), inject('timescale'), inject('s3')];
const missing = provided.flatMap((service) => ('missing' in service ? [service.missing] : []));
for (const one of missing) reportMissing(one);

const PARTITIONS = 3;
const LOAD_MS = 5000;
const DAY_MS = 86_400_000;
const SOON_MS_MAX = 60_000;
const urlOf = (service: ProvidedService): string => ('url' in service ? service.url : '');

describe.skipIf(missing.length > 0)('a cluster with its archive', { timeout: 240_000 }, () => {
  let world: DistributedWorld;
  let stream: Stream;
  let load: SalesLoad;
  let access: S3Access;
  let files: ArchiveFiles;
  beforeEach(async () => {
    const [kafka, redis, timescale, s3] = provided.map(urlOf);
    const urls: ServiceUrls = { kafka: kafka!, redis: redis!, timescale: timescale! };
    world = await DistributedWorld.make(urls, { partitions: PARTITIONS });
    onTestFailed(() => void process.stderr.write(world.outputs().slice(-20_000)));
    access = await makeBucket(s3!, `archive-${Date.now().toString(36)}`);
    files = (await openArchiveFiles(access))!;
    stream = await openKafkaStream({
      connection: { brokers: urls.kafka.split(','), clientId: 'millrace-test' },
      topicPrefix: world.environment['MILLRACE_KAFKA__TOPIC_PREFIX']!,
      ...{ clock, log: silentLog, settings: { retentionMs: 0 } },
    });
  });
  afterEach(async () => {
    await load?.stop().catch(() => undefined);
    await stream.close();
    await world.remove();
  });

  test('folds again from there what Kafka has forgotten, and it is the same', async () => {
    const parts = { stream, clock };
    const wanted = { rules: rulesOf(SALES_RULES), source: SALES_RULES };
    await applyRules(parts, wanted);
    const receiver = await world.start('receiver', environment());
    const transformers = [await world.start('transformer', environment())];
    transformers.push(await world.start('transformer', environment()));
    const writer = await world.start('writer', environment());
    const fromMs = Date.now() - 60_000;
    load = new SalesLoad({ url: receiver.url, seed: 5 });
    load.start();
    await sleep(LOAD_MS);
    await load.stop();
    const loaded = await ends();
    await until('all that was sent is archived', SOON_MS_MAX, async () => {
      const archived = (await Promise.all(transformers.map(archiveOf))).flat();
      return loaded.every((end, partition) => {
        return archived.some((one) => one.partition === partition && one.position >= end);
      });
    });
    await forget(loaded);
    const begun = await beginCandidate(parts, { ...wanted, sinceUs: fromMs * 1000 });
    expect(begun.candidate).toBeDefined();
    let both: unknown[][] = [];
    const read = (turn: number): Promise<unknown[]> =>
      world.store.rows(
        editionWindowsSql({ rule: 'sales', turn, sinceMs: fromMs, untilMs: Date.now() + DAY_MS }),
      );
    await until('both editions have the same windows', SOON_MS_MAX, async () => {
      both = [await read(1), await read(2)];
      return both[0]!.length > 0 && JSON.stringify(both[0]) === JSON.stringify(both[1]);
    }).catch(() => expect(both[1]).toEqual(both[0]));
    expect(both[0]!.length).toBeGreaterThan(8);
    expect(await command('archive', 'verify')).toContain('all is well');
    const report = JSON.parse(await command('replay', '--json')) as ReplayReport;
    expect(report.outcome).toBe('same');
    // From the first record on, which Kafka holds no more.
    expect(report.partitions.map(({ from }) => from)).toEqual(all.map(() => 0));
    await expectBound(writer);
  });

  /** A writer that is told of no archive, and one that is told of another. */
  async function expectBound(writer: StageProcess): Promise<void> {
    await world.stop(writer);
    const unset = await world.start('writer');
    await until('it is told', SOON_MS_MAX, () => isTold(unset, 'ARCHIVE_UNSET'));
    await world.stop(unset);
    const elsewhere = {
      ...environment(),
      MILLRACE_ARCHIVE__URL: access.url.replace('/of/test', '/of/another'),
    };
    const wrong = await world.start('writer', elsewhere);
    await until('it is told', SOON_MS_MAX, () => isTold(wrong, 'ARCHIVE_NOT_THERE'));
    const status = await runCommandLine(['archive', 'status'], {
      ...world.environment,
      ...elsewhere,
    });
    expect(status).toContain('ARCHIVE_NOT_THERE');
    expect(await command('archive', 'forget', '--yes')).toContain('is forgotten');
    // Those that archive bind the log anew, to what they are told.
    await until('it is bound again', SOON_MS_MAX, async () => {
      const look = JSON.parse(await command('archive', 'status', '--json')) as BoundLook;
      expect(look.bindingError).toBeUndefined();
      return look.bound !== undefined;
    });
  }

  async function isTold({ url }: StageProcess, code: string): Promise<boolean> {
    return (await (await fetch(`${url}/readyz`)).text()).includes(code);
  }

  function environment(): Record<string, string> {
    const { url, accessKeyId, secretAccessKey } = access;
    return {
      MILLRACE_ARCHIVE__URL: url,
      MILLRACE_ARCHIVE__ACCESS_KEY_ID: accessKeyId,
      MILLRACE_ARCHIVE__SECRET_ACCESS_KEY: secretAccessKey,
      MILLRACE_ARCHIVE__RANGE_MS_MAX: '1s',
      MILLRACE_ARCHIVE__RANGE_BYTES_MAX: '256KiB',
      MILLRACE_CHECKPOINT__INTERVAL_MS: '2s',
      MILLRACE_TRANSFORMER__COMMIT_MS: '500ms',
    };
  }

  const command = (...args: readonly string[]): Promise<string> =>
    runCommandLine(args, { ...world.environment, ...environment() });

  const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const ends = (): Promise<number[]> =>
    Promise.all(all.map(async (one) => (await stream.bounds(TOPIC_EVENTS, one)).end));

  /** As writers do it, for whom a record is past its retention after a minute at the earliest. */
  async function forget(loaded: readonly number[]): Promise<void> {
    const archivedTo = createArchivedTo({ stream, files, clock });
    const settings = { keptCount: 1, keptBytesMax: 1e9 };
    const retention = new CheckpointRetention({ stream, archivedTo }, settings);
    await until('Kafka has forgotten what was sent', SOON_MS_MAX, async () => {
      const rows = await world.store.rows(
        `SELECT partition, log_id, mark_offset FROM positions WHERE source = 'live'`,
      );
      for (const { partition, log_id: logId, mark_offset: mark } of rows as LivePosition[]) {
        await retention.release(Number(partition), { logId, position: Number(mark) });
      }
      const bounds = await Promise.all(all.map((one) => stream.bounds(TOPIC_EVENTS, one)));
      return bounds.every(({ start }, partition) => start >= loaded[partition]!);
    });
  }

  async function archiveOf({ url }: StageProcess): Promise<NonNullable<StageStatus['archive']>> {
    const answer = await fetch(`${url}/api/v1/status`).catch(() => undefined);
    return ((await answer?.json()) as StageStatus | undefined)?.archive ?? [];
  }
});

interface BoundLook {
  bound?: unknown;
  bindingError?: string;
}

interface LivePosition {
  partition: number;
  log_id: string;
  mark_offset: string;
}
