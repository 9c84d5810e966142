import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock, type Log } from '@millrace/runtime';
import {
  freePort,
  isMissing,
  reportMissing,
  runOrFail,
  type MissingService,
} from '@millrace/runtime/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { STREAM_CODES } from '../stream-error.ts';
import { TOPIC_EVENTS, type Stream } from '../stream.ts';
import { createKafkaClient } from './client/kafka-client.ts';
import { DEFAULT_KAFKA_GROUP_SETTINGS } from './group/kafka-group-settings.ts';
import { openKafkaPartitionGroup } from './group/kafka-partition-group.ts';
import {
  DEFAULT_KAFKA_SETTINGS,
  type KafkaConnection,
  type KafkaSasl,
} from './client/kafka-settings.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { setupKafkaTopics } from './topics/setup-topics.ts';
import { startKafkaBroker, type KafkaBroker } from './testing/kafka-broker.ts';
import { findKafka } from './testing/kafka-program.ts';

const SECRET = 'secret-of-the-test';
const port = await freePort();
const directory = await mkdtemp(join(tmpdir(), 'millrace-kafka-tls-'));
const store = join(directory, 'broker.p12');
const certificate = join(directory, 'broker.pem');
const broker = await startSecureBroker();
if (isMissing(broker)) reportMissing(broker);

/** Its second listener has TLS and SASL, with a `writer` and a `stranger` who has no rights. */
async function startSecureBroker(): Promise<KafkaBroker | MissingService> {
  const program = await findKafka();
  if (isMissing(program)) return program;
  await keytool('-genkeypair', '-keyalg', 'RSA', '-dname', 'CN=localhost', '-validity', '2');
  await keytool('-exportcert', '-rfc', '-file', certificate);
  const users = `user_writer="${SECRET}" user_stranger="${SECRET}"`;
  const logins = [
    ['plain', `plain.PlainLoginModule required ${users}`],
    ['scram-sha-256', 'scram.ScramLoginModule required'],
    ['scram-sha-512', 'scram.ScramLoginModule required'],
  ];
  const started = await startKafkaBroker({
    own: true,
    settings: {
      listeners:
        'BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller},' +
        `SECURE://127.0.0.1:${port}`,
      'advertised.listeners': `BROKER://127.0.0.1:{broker},SECURE://localhost:${port}`,
      'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
      'ssl.keystore.location': store,
      'ssl.keystore.password': SECRET,
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      ...Object.fromEntries(
        logins.map(([name, module]) => [
          `listener.name.secure.${name}.sasl.jaas.config`,
          `org.apache.kafka.common.security.${module};`,
        ]),
      ),
      // Sessions are short: a connection is used for so long, and then another one is made.
      'listener.name.secure.connections.max.reauth.ms': '5000',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:writer',
    },
  });
  if (isMissing(started)) return started;
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    await runOrFail({
      file: program.java,
      args: [
        ...program.logArgs,
        ...['-XX:TieredStopAtLevel=1', '-cp', program.classPath, 'kafka.admin.ConfigCommand'],
        ...['--bootstrap-server', started.url, '--alter', '--entity-type', 'users'],
        ...['--entity-name', 'writer', '--add-config', `${mechanism}=[password=${SECRET}]`],
      ],
    });
  }
  return started;
}

async function keytool(command: string, ...args: string[]): Promise<void> {
  const key = ['-alias', 'broker', '-keystore', store, '-storepass', SECRET];
  const names = command === '-genkeypair' ? ['-ext', 'SAN=DNS:localhost'] : [];
  await runOrFail({ file: 'keytool', args: [command, ...args, ...key, ...names] });
}

describe.skipIf(isMissing(broker))('a Kafka that wants TLS and a password', () => {
  if (isMissing(broker)) return;
  afterAll(async () => {
    await broker.stop();
    await rm(directory, { recursive: true });
  });

  const connectionOf = async (
    sasl: Partial<KafkaSasl> = {},
    ssl?: KafkaConnection['ssl'],
  ): Promise<KafkaConnection> => ({
    brokers: [`localhost:${port}`],
    clientId: 'millrace-test',
    ssl: ssl ?? { ca: [await readFile(certificate)] },
    sasl: { mechanism: 'plain', username: 'writer', password: SECRET, ...sasl },
  });
  const open = (connection: KafkaConnection): Promise<Stream> =>
    openKafkaStream({
      connection,
      clock: systemClock,
      log: silentLog,
      settings: { openMs: 3000, connectMs: 2000 },
    });
  const forbidden = {
    code: STREAM_CODES.forbidden,
    kind: 'permanent',
    remedy: expect.stringContaining('password'),
  };

  test('the right ones are let in, by each mechanism', async () => {
    await setupKafkaTopics({ connection: await connectionOf(), partitions: 1, log: silentLog });
    for (const [index, mechanism] of (
      ['plain', 'scram-sha-256', 'scram-sha-512'] as const
    ).entries()) {
      const stream = await open(await connectionOf({ mechanism }));
      const { offset } = await stream.producer().append(TOPIC_EVENTS, 0, Uint8Array.of(index));
      const reader = stream.reader(TOPIC_EVENTS, 0, offset);
      const [record] = await reader.next({ bytesMax: 1, waitMs: 5000 });
      expect([...record!.payload]).toEqual([index]);
      await stream.close();
    }
  });

  test('connections are made again before the broker ends their sessions', async () => {
    const troubles: string[] = [];
    const note = (_: unknown, message: string): void => void troubles.push(message);
    const log: Log = { ...silentLog, warn: note, error: note, child: () => log };
    const connection = await connectionOf();
    const stream = await openKafkaStream({ connection, clock: systemClock, log });
    const group = openKafkaPartitionGroup(
      { connection, clock: systemClock, log },
      {
        ...DEFAULT_KAFKA_GROUP_SETTINGS,
        ...{ groupId: 'millrace-test', topic: TOPIC_EVENTS, partitions: 1 },
      },
    );
    const over = group.run(async () => undefined);
    // The first to ask for a group's coordinator may have to wait for it.
    await vi.waitFor(() => expect(group.status().state).toBe('member'), 20_000);
    troubles.length = 0;
    const producer = stream.producer();
    const reader = stream.reader(TOPIC_EVENTS, 0, (await stream.bounds(TOPIC_EVENTS, 0)).end);
    const endMs = performance.now() + 7000;
    let read = 0;
    let appended = 0;
    while (performance.now() < endMs) {
      await producer.append(TOPIC_EVENTS, 0, Uint8Array.of(7));
      appended += 1;
      while (read < appended) read += (await reader.next({ bytesMax: 1, waitMs: 5000 })).length;
    }
    expect(read).toBe(appended);
    // The broker would have cut a connection that is used for longer.
    expect(troubles).toEqual([]);
    expect(group.status()).toEqual({ state: 'member', partitions: [0] });
    await group.leave();
    await over;
    await stream.close();
  });

  test('a wrong password is refused at once, and for good', async () => {
    const startMs = performance.now();
    for (const mechanism of ['plain', 'scram-sha-512'] as const) {
      const wrong = await connectionOf({ mechanism, password: 'wrong' });
      await expect(open(wrong)).rejects.toMatchObject(forbidden);
      await expect(
        setupKafkaTopics({ connection: wrong, partitions: 1, log: silentLog }),
      ).rejects.toMatchObject(forbidden);
    }
    expect(performance.now() - startMs).toBeLessThan(2900);
  });

  test('one who has no rights is told so', async () => {
    const stranger = await connectionOf({ username: 'stranger' });
    await expect(open(stranger)).rejects.toMatchObject(forbidden);
  });

  test('a certificate that nobody vouches for is not trusted', async () => {
    const connection = await connectionOf({}, true);
    await expect(open(connection)).rejects.toMatchObject({
      code: STREAM_CODES.unreachable,
      message: expect.stringContaining('certificate'),
      remedy: expect.stringContaining('TLS_CA_FILE'),
    });
  });

  test('a client of kafkajs gets in the same way', async () => {
    const connection = await connectionOf({ mechanism: 'scram-sha-256' });
    const client = createKafkaClient({
      ...{ connection, log: silentLog, settings: DEFAULT_KAFKA_SETTINGS, retries: 0 },
    });
    const admin = client.admin();
    await admin.connect();
    expect(await admin.listTopics()).toContain(TOPIC_EVENTS);
    await admin.disconnect();
  });
});
