import { ledgerReport } from '@millrace/store';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMeter } from '@millrace/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseDataDirectory } from '../running/data-directory.ts';
import { readSingleSettings } from '../settings.ts';
import { expositionOf, inOrder, measurementsOf, measureSilence } from './stage-group.ts';
import { startStageThreads, type StageThreads } from './stage-threads.ts';

let directory: string;
let threads: StageThreads | undefined;
let failures: { stage: string; error: Error }[];
let failed: Promise<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-single-'));
  failures = [];
});
afterEach(async () => {
  await Promise.all(inOrder(threads!).map((thread) => thread.terminate()));
  await rm(directory, { recursive: true });
});

/** Threads whose transformer does what `code` says; the others only live. */
async function start(code: string): Promise<StageThreads> {
  const file = join(directory, 'transformer.mjs');
  const idle = join(directory, 'idle.mjs');
  await writeFile(idle, `import { parentPort } from 'node:worker_threads'; parentPort.ref();`);
  await writeFile(file, `import { parentPort } from 'node:worker_threads';\n${code}`);
  failed = new Promise((resolve) => {
    threads = startStageThreads({
      settings: readSingleSettings({}).settings,
      directory: chooseDataDirectory({ dataDir: directory, uid: 1, cwd: '/' }),
      colours: false,
      supervisor: {
        status: async () => undefined,
        ledger: async () => ledgerReport([], []),
        exposition: async () => '',
        checkpoint: async () => [],
      },
      onFailed: (stage, error) => {
        failures.push({ stage, error });
        resolve();
      },
      statusSettings: { answerMsMax: 50, silentMsMax: 200 },
      // They are told nothing that they would understand.
      endMsMax: 0,
      entryOf: (stage) => pathToFileURL(stage === 'transformer' ? file : idle),
    });
  });
  return threads!;
}

test('a defect that nobody caught is told, and calls under way are refused', async () => {
  const { transformer } = await start(
    `parentPort.on('message', () => { throw new Error('impossible'); });`,
  );
  await expect(transformer.link.call('open')).rejects.toMatchObject({ code: 'STAGE_BROKE_DOWN' });
  await failed;
  expect(failures[0]).toMatchObject({ stage: 'transformer', error: { kind: 'defect' } });
  expect(failures[0]?.error.message).toContain('impossible');
  await expect(transformer.link.call('open')).rejects.toThrow('impossible');
});

test('a thread that just ends is a failure too', async () => {
  await start(`process.exit(3);`);
  await failed;
  expect(failures[0]?.error.message).toContain('ended with code 3');
});

test('what a stage reports itself keeps its code', async () => {
  await start(
    `parentPort.postMessage({ call: 1, method: 'failed', params:
       { code: 'FOLD_DEFECT', kind: 'defect', message: 'No.', stack: 'Error: No.' } });
     parentPort.ref();`,
  );
  await failed;
  expect(failures[0]?.error).toMatchObject({ code: 'FOLD_DEFECT', stack: 'Error: No.' });
});

test('a thread that does not answer shows its last status; ending it is no failure', async () => {
  const { transformer } = await start(`parentPort.on('message', () => undefined);`);
  expect(await transformer.status()).toEqual({
    stage: 'transformer',
    ready: false,
    partitions: [],
  });
  await transformer.terminate();
  expect(failures).toEqual([]);
});

test('one that says nothing for long is not ready, and is asked once', async () => {
  const status = `{ stage: 'transformer', ready: true, partitions: [
    { partition: 0, state: 'running', position: 1, endOffset: 1, lagMs: 0 }] }`;
  const { transformer } = await start(
    `let asked = 0;
     parentPort.on('message', ({ call, method }) => {
       asked += 1;
       if (method === 'open') parentPort.postMessage({ answer: call, value: asked });
       else if (asked === 1) parentPort.postMessage({ answer: call, value: ${status} });
     });`,
  );
  await expect.poll(() => transformer.status()).toMatchObject({ ready: true });
  await expect
    .poll(() => transformer.status(), { timeout: 5000 })
    .toMatchObject({
      ready: false,
      partitions: [{ state: 'waiting', reason: { code: 'STAGE_SILENT' } }],
    });
  // The answer, the question that has none, and this one.
  expect(await transformer.link.call('open')).toBe(3);
});

test('metrics come in time whoever hangs, and tell that it does', async () => {
  await start(
    `const said = { exposition: 'folded 1', measure: [{ name: 'folded', labels: {}, value: 1,
       kind: 'gauge' }] };
     const told = new Set();
     parentPort.on('message', ({ call, method }) => {
       if (!told.has(method)) parentPort.postMessage({ answer: call, value: said[method] });
       told.add(method);
     });`,
  );
  const meter = createMeter();
  measureSilence(threads!, meter);
  await expect.poll(() => expositionOf(threads!, meter)).toMatch(/^folded 1$/m);
  await expect
    .poll(() => expositionOf(threads!, meter), { timeout: 5000 })
    .not.toMatch(/^folded 1$/m);
  const text = await expositionOf(threads!, meter);
  const name = 'millrace_transformer_thread_silent_seconds';
  expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])).toBeGreaterThan(0.2);
  await expect
    .poll(async () => (await measurementsOf(threads!, meter)).at(2), { timeout: 5000 })
    .toEqual({ stage: 'transformer', measurements: [] });
  const [ofProcess] = await measurementsOf(threads!, meter);
  const measured = ofProcess?.measurements.find((one) => one.name === name);
  expect(measured?.value).toBeGreaterThan(0.2);
});
