import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOPIC_CONTROL } from '@millrace/stream';
import { createMeter, silentLog, type ArchiveStatus } from '@millrace/runtime';
import { sleepUntil } from '@millrace/runtime/testing';
import { ControlRecordKind, encodeControlRecord } from '@millrace/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createArchiveEvents } from './archive-events.ts';
import { ArchiveKeeper } from './archive-keeper.ts';
import { createControlBinding } from './binding/control-binding.ts';
import { bindFiles } from './binding/open-archive.ts';
import {
  createArchivedLog,
  LOG_ID,
  SMALL_RANGES,
  type ArchivedLog,
} from './testing/archived-log.ts';

let scene: ArchivedLog;
/** Lets the keeper look once more; resolves when it has. */
let look: () => Promise<void>;
let keeper: ArchiveKeeper;
beforeEach(async () => {
  scene = await createArchivedLog();
  const log = { kind: ControlRecordKind.log, logId: LOG_ID, partitions: 1, firstNumber: 0 };
  scene.log.partition(TOPIC_CONTROL, 0).append(encodeControlRecord(log));
  let rested: () => void = () => undefined;
  let goOn: () => void = () => undefined;
  let resting = new Promise<void>((resolve) => (rested = resolve));
  const clock = {
    nowUs: () => Date.now() * 1000,
    sleep: async (_ms: number, signal?: AbortSignal) => {
      const told = rested;
      resting = new Promise<void>((resolve) => (rested = resolve));
      const going = new Promise<void>((resolve) => (goOn = resolve));
      told();
      await sleepUntil(going, signal);
    },
  };
  look = async () => {
    const over = resting;
    goOn();
    await over;
  };
  const { stream } = scene;
  keeper = new ArchiveKeeper(
    {
      ...{ stream, clock, ...bindFiles(scene.files, createControlBinding(scene)) },
      ...{ events: createArchiveEvents(silentLog, createMeter()), owned: () => [0] },
      logIdOf: async () => LOG_ID,
    },
    { ...SMALL_RANGES, checkpointMs: 1e9 },
  );
  scene.append(60);
});
afterEach(async () => {
  await keeper.stop();
  await scene.close();
});

const status = (): ArchiveStatus => keeper.statuses()[0]!;

it('archives, tells while the disk is away, and goes on when it is back', async () => {
  const first = look();
  void keeper.run();
  await first;
  const { position } = status();
  expect(status()).toEqual({ partition: 0, position, endOffset: 61 });
  expect(position).toBeGreaterThan(40);
  await rename(scene.directory, `${scene.directory}-away`);
  await mkdir(scene.directory);
  scene.append(60);
  await look();
  expect(status()).toMatchObject({ position, reason: { code: 'ARCHIVE_NOT_THERE' } });
  expect(await readdir(scene.directory)).toEqual([]);
  await rm(scene.directory, { recursive: true });
  await rename(`${scene.directory}-away`, scene.directory);
  await look();
  expect(status().reason).toBeUndefined();
  expect(status().position).toBeGreaterThan(position + 40);
});

it('removes what broke off a day ago', async () => {
  const [old, young] = ['.unfinished-old', '.unfinished-young'];
  for (const name of [old, young]) await writeFile(join(scene.directory, name), 'half');
  const dayAgo = new Date(Date.now() - 25 * 3_600_000);
  await utimes(join(scene.directory, old), dayAgo, dayAgo);
  const first = look();
  void keeper.run();
  await first;
  const names = await readdir(scene.directory);
  expect(names).toContain(young);
  expect(names).not.toContain(old);
});
