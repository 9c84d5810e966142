import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const CLUSTER = {
  KAFKA_BROKERS: '127.0.0.1:1',
  REDIS_URL: 'redis://:hush@127.0.0.1:2',
  DATABASE_URL: 'postgres://u:hush@127.0.0.1:3/d',
  MILLRACE_KAFKA__SASL_PASSWORD: 'hush',
  MILLRACE_KAFKA__TOPIC_PREFIX: 'x.',
  MILLRACE_TRANSFORMER__COMMIT_MS: '7s',
};

async function print(environment: Record<string, string>, ...args: string[]) {
  const written = { out: '', err: '' };
  const code = await runCli({
    args: ['config', 'print', ...args],
    environment: { NO_COLOR: '1', ...environment },
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
  });
  return { code, ...written };
}

const lineOf = (text: string, variable: string): string[] =>
  (text.split('\n').find((line) => line.startsWith(variable)) ?? '').split(/ {2,}/).slice(0, 4);

test('of a cluster the settings of all processes are shown, with who reads them', async () => {
  const { code, out, err } = await print(CLUSTER, '--effective');
  expect([code, err]).toEqual([0, '']);
  expect(out).not.toContain('hush');
  expect(lineOf(out, 'KAFKA_BROKERS')).toEqual([
    'KAFKA_BROKERS',
    '127.0.0.1:1',
    'environment',
    'all',
  ]);
  expect(lineOf(out, 'REDIS_URL')).toEqual([
    'REDIS_URL',
    '(hidden)',
    'environment',
    'setup transformer writer',
  ]);
  expect(lineOf(out, 'MILLRACE_TRANSFORMER__COMMIT_MS')).toEqual([
    'MILLRACE_TRANSFORMER__COMMIT_MS',
    '7s',
    'environment',
    'transformer',
  ]);
  expect(lineOf(out, 'MILLRACE_STOP_MS_MAX')[2]).toBe('default');
});

test('one that would not start is told, the others are shown', async () => {
  const { DATABASE_URL: _url, ...without } = CLUSTER;
  const { code, out, err } = await print(without, '--json');
  expect(code).toBe(78);
  expect(err).toContain('they would not start: writer.');
  expect(err).toContain('DATABASE_URL or MILLRACE_STORE__URL is not set');
  const shown = JSON.parse(out) as { variable: string; processes: string[]; value: unknown }[];
  expect(shown.find(({ variable }) => variable === 'REDIS_URL')).toMatchObject({
    value: '(hidden)',
    processes: ['setup', 'transformer'],
  });
});

test('one process can be asked for; without Kafka it is the one that has it all', async () => {
  const receiver = await print(CLUSTER, '--for', 'receiver');
  expect(receiver.out).toContain('MILLRACE_RECEIVER__DRAIN_MS');
  expect(receiver.out).not.toContain('REDIS_URL');
  const alone = await print({});
  expect(alone.out).toContain('MILLRACE_DATA_DIR');
  expect((await print({}, '--for', 'nobody')).code).toBe(2);
});
