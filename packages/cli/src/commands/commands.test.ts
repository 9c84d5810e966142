import { Readable } from 'node:stream';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import type { StageStatus } from '@millrace/runtime';
import type { RunFile } from '@millrace/single/running';
import type { ConsoleOutput } from '../console-output.ts';
import { formatWelcome } from '../run-up.ts';
import { checkEnds } from '../setup/lost-end.ts';
import { lagRows } from './lag.ts';
import { describe as describeAccepted } from './setup.ts';
import { connectionOf } from '../store-connection.ts';
import { formatJson, formatRows, statementOf } from './sql.ts';
import { formatStatus } from './status.ts';
import { withFlags } from './up.ts';

const plain = pc.createColors(false);
const run: RunFile = {
  version: '0.1.0',
  pid: 7,
  process: { pid: 7, started: '1', boot: 'b', namespace: 'n' },
  started: '2026-01-01T00:00:00.000Z',
  url: 'http://127.0.0.1:9480',
  host: '127.0.0.1',
  port: 9480,
  store: {
    kind: 'embedded',
    host: '/d/socket',
    port: 5432,
    user: 'millrace',
    database: 'millrace',
  },
  directory: '/d',
};
const stages: StageStatus[] = [
  {
    stage: 'receiver',
    ready: true,
    partitions: [{ partition: 0, state: 'running', position: 9, endOffset: 9, lagMs: 0 }],
  },
  {
    stage: 'writer',
    ready: false,
    partitions: [
      {
        partition: 0,
        state: 'stopped',
        reason: { code: 'WRITER_GAP', message: 'Entries are missing.', remedy: 'Put them back.' },
        position: 4,
        endOffset: 6,
        lagMs: 2500,
      },
    ],
  },
];

test('flags are written over the environment', () => {
  const environment = { PORT: '1', MILLRACE_HTTP__HOST: 'a' };
  expect(withFlags(environment, { port: '2', insecure: true })).toEqual({
    PORT: '1',
    MILLRACE_HTTP__HOST: 'a',
    MILLRACE_HTTP__PORT: '2',
    MILLRACE_INSECURE: 'true',
  });
});

test('the welcome can be pasted: where to push, how to look, where the data lies', () => {
  const output = { colours: plain } as ConsoleOutput;
  const params = { output, program: 'npx millrace', info: run, tookMs: 900, stages: [] };
  const text = formatWelcome({ ...params, isUsual: true });
  expect(text).toContain(
    `curl http://127.0.0.1:9480/v1/events -H 'Content-Type: application/json'`,
  );
  expect(text).toContain('npx millrace sql "SELECT');
  expect(text).toContain('http://127.0.0.1:9480/ in a browser');
  expect(text).toContain('psql -h /d/socket -p 5432 -U millrace millrace');
  expect(text).toContain('ready after 900 ms');
  expect(formatWelcome({ ...params, isUsual: false })).toContain('sql --data-dir /d "SELECT');
  const elsewhere = { ...run, url: 'http://127.0.0.1:9481', port: 9481 };
  expect(formatWelcome({ ...params, info: elsewhere, isUsual: true, isNextFree: true })).toContain(
    'takes data at http://127.0.0.1:9481 (something else listens on 9480), ready after',
  );
});

test('the welcome does not call ready what stands still', () => {
  const output = { colours: plain } as ConsoleOutput;
  const params = { output, program: 'npx millrace', info: run, tookMs: 900, isUsual: true };
  const text = formatWelcome({ ...params, stages });
  expect(text).toContain('keeps it, but the writer has stopped (WRITER_GAP)');
  expect(text).not.toContain('ready');
  // What still works on some partitions, or has none yet, does not stand still.
  const [receiver, writer] = stages as [StageStatus, StageStatus];
  const some = { ...writer, partitions: [...receiver.partitions, ...writer.partitions] };
  for (const one of [some, { ...writer, partitions: [] }]) {
    expect(formatWelcome({ ...params, stages: [receiver, one] })).toContain('ready after 900 ms.');
  }
});

test('a statement is the argument, or comes on standard input', async () => {
  const input = (...chunks: string[]) => Readable.from(chunks.map((one) => Buffer.from(one)));
  expect(await statementOf(' SELECT 1 ', input())).toBe('SELECT 1');
  expect(await statementOf(undefined, input('SELECT 2'))).toBeUndefined();
  await expect(statementOf(' ', input())).rejects.toThrow(/The statement is empty/);
  expect(await statementOf('-', input('SELECT ', "'ü'\n"))).toBe("SELECT 'ü'");
  await expect(statementOf('-', input(' \n'))).rejects.toMatchObject({ code: 'SQL_INPUT' });
  const long = Array.from({ length: 20 }, () => 'x'.repeat(100_000));
  await expect(statementOf('-', input(...long))).rejects.toThrow(/more than 1048576 bytes/);
});

test('status shows every partition, and every reason with its remedy', () => {
  const status = {
    version: '0.1.0',
    pid: 7,
    started: run.started,
    url: run.url,
    directory: '/d',
    ready: false,
    stages,
    logBytes: 2048,
    store: {
      kind: 'embedded' as const,
      isRunning: true,
      bytes: 4096,
      ledger: {
        accepted: 5,
        stored: 4,
        duplicate: 1,
        conflict: 0,
        dropped: 0,
        unverified: 0,
        deadLetter: 0,
        lost: 0,
      },
    },
  };
  const text = formatStatus(status, plain);
  expect(text).toMatch(/^millrace 0\.1\.0, process 7, up .*: not ready$/m);
  expect(text).toMatch(/^writer +0 +stopped +4 +6 +2\.5 s$/m);
  expect(text).toContain('ledger 5 accepted = 4 stored + 1 duplicate\n');
  expect(text).toContain('writer, partition 0, stopped: WRITER_GAP: Entries are missing.');
  expect(text).toContain('→ Put them back.');
  expect(text).toContain('store  embedded PostgreSQL, running, 4.0 KiB\n');
  const [writer] = stages.filter(({ stage }) => stage === 'writer');
  const alike = writer!.partitions.map((one) => ({ ...one, partition: 1 }));
  const both = [{ ...writer!, partitions: [...writer!.partitions, ...alike] }];
  expect(formatStatus({ ...status, stages: both }, plain)).toMatch(
    /^writer, partitions 0 and 1, stopped: WRITER_GAP: Entries are missing\.$/m,
  );
  const silent = { ...status, store: { kind: 'embedded' as const, isRunning: true } };
  expect(formatStatus(silent, plain)).toContain('PostgreSQL, running, does not answer\n');
  const problem = 'It has not answered for 7 s.';
  const frozen = { ...silent, store: { ...silent.store, problem } };
  expect(formatStatus(frozen, plain)).toContain(`running, does not answer: ${problem}\n`);
});

test('lag counts what the stages behind the log have not read', () => {
  expect(lagRows({ stages })).toEqual([
    { stage: 'writer', partition: 0, state: 'stopped', behindRecords: 2, lagMs: 2500 },
  ]);
});

const result = { command: 'SELECT', count: 1, truncated: false };

test('rows become a table, or JSON in which no column is lost', () => {
  const columns = ['a', 'a', 'labels'];
  const rows = [[1, null, { shop: 'x' }]];
  expect(formatRows({ ...result, columns, rows }, plain)).toBe(
    'a  a     labels\n1  NULL  {"shop":"x"}',
  );
  expect(JSON.parse(formatJson({ ...result, columns, rows }))).toEqual([
    { a: 1, a_2: null, labels: { shop: 'x' } },
  ]);
  expect(formatJson({ ...result, columns, rows: [] })).toBe('[]');
});

test('the store is found through its socket, or through the URL when it is not ours', () => {
  expect(connectionOf(run, {})).toEqual({
    host: '/d/socket',
    port: 5432,
    user: 'millrace',
    database: 'millrace',
  });
  const external: RunFile = { ...run, store: { kind: 'external' } };
  expect(connectionOf(external, { DATABASE_URL: 'postgres://x' })).toEqual({ url: 'postgres://x' });
  expect(() => connectionOf(external, {})).toThrow('not written down');
});

test('what was done to a partition is told', () => {
  const partition = {
    partition: 1,
    logId: 'new',
    logNumber: 2,
    lostEnd: undefined,
    isFoldedAgain: false,
  };
  const mark = { source: 'live', logId: 'old', logNumber: 1, offset: 7 };
  const accepted = { ...partition, state: { logId: 'old', position: 9 }, marks: [mark] };
  const [first, ...rest] = describeAccepted(accepted, false);
  expect(first).toBe('partition 1: goes on with log new as log number 2, from its first record.');
  expect(rest).toHaveLength(2);
  expect(describeAccepted({ ...accepted, state: undefined, marks: [] }, false)).toEqual([
    'partition 1: log, state and store belong together; nothing to do.',
  ]);
  const lost = { ...accepted, state: undefined, marks: [], lostEnd: 'WRITER_AHEAD: why.' };
  expect(describeAccepted(lost, true)).toEqual([
    'partition 1: its log lost its end. WRITER_AHEAD: why.',
  ]);
});

test('of a log that lost its end there is none to accept, and what to do is said', () => {
  const ends = [
    { partition: 0, lostEnd: 'why' },
    { partition: 1, lostEnd: undefined },
    { partition: 3, lostEnd: 'why' },
  ];
  expect(() => checkEnds(ends.slice(1, 2), 'process')).not.toThrow();
  const told = {
    code: 'SETUP_LOST_END',
    message: expect.stringContaining('partitions 0 and 3 lost'),
  };
  for (const [mode, move] of [
    ['process', 'log/metrics.series'],
    ['cluster', 'MILLRACE_REDIS__KEY_PREFIX'],
  ] as const) {
    const remedy = expect.stringContaining(move);
    expect(() => checkEnds(ends, mode)).toThrow(expect.objectContaining({ ...told, remedy }));
  }
});
