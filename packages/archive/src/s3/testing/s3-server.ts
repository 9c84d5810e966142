import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findOnPath,
  freePort,
  prepareOnce,
  runOrFail,
  startServiceProcess,
  untilServing,
  type MissingService,
  type ServiceProcess,
} from '@millrace/runtime/testing';
import { AwsClient } from 'aws4fetch';

/** A real server of the S3 protocol, which checks signatures; its files are those of the test. */
export interface S3Server {
  /** With the keys in it: `http://key:secret@127.0.0.1:port`. */
  readonly url: string;
  stop(): Promise<void>;
  /** SIGKILL; what was put there stays for `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** What says where a bucket of such a server is, in the words of the section `archive`. */
export interface S3Access {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: undefined;
  region: string;
}

/** Apache-2.0; a release that stays as it is. */
const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;
const PROGRAM = { program: 'versitygw', probe: ['--version'], answer: /Version\s*:/ };
const BUILD_MS_MAX = 10 * 60_000;
const START_MS_MAX = 20_000;
const KEYS = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };
const REGION = 'us-east-1';

/**
 * The server of S3_URL, else one of our own: versitygw from the search path, or built by Go once,
 * into the cache of the tests.
 */
export async function startS3Server(): Promise<S3Server | MissingService> {
  const given = process.env['S3_URL'];
  if (given !== undefined && given !== '') {
    const nothing = async (): Promise<void> => undefined;
    return { url: given, stop: nothing, kill: nothing, restart: nothing };
  }
  const found = await findServer();
  if (typeof found !== 'string') return found;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
  await Promise.all(['data', 'side'].map((name) => mkdir(join(directory, name))));
  const port = await freePort();
  let running = await launch(found, { directory, port });
  const { accessKeyId, secretAccessKey } = KEYS;
  return {
    url: `http://${accessKeyId}:${secretAccessKey}@127.0.0.1:${port}`,
    stop: async () => {
      await running.stop();
      await rm(directory, { recursive: true, force: true });
    },
    kill: () => running.kill(),
    restart: async () => {
      running = await launch(found, { directory, port });
    },
  };
}

/** Makes a bucket; `access` is for `openArchiveFiles`, with a prefix of two folders. */
export async function makeBucket(serverUrl: string, bucket: string): Promise<S3Access> {
  const { origin, username: accessKeyId, password: secretAccessKey } = new URL(serverUrl);
  const keys = { accessKeyId, secretAccessKey };
  const client = new AwsClient({ ...keys, service: 's3', region: REGION, retries: 0 });
  const answer = await client.fetch(`${origin}/${bucket}`, { method: 'PUT' });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`no bucket ${bucket}: ${answer.status} ${text}`);
  const url = `s3://${bucket}/of/test?endpoint=${encodeURIComponent(origin)}`;
  return { url, ...keys, sessionToken: undefined, region: REGION };
}

async function findServer(): Promise<string | MissingService> {
  const onPath = await findOnPath(PROGRAM);
  if (onPath !== undefined) return onPath;
  const missing = (why: string): MissingService => ({
    what: 'a server of the S3 protocol (versitygw)',
    why,
    fix: `install Go, or set S3_URL to http://key:secret@host:port of a server for tests`,
  });
  const go = await findOnPath({ program: 'go', probe: ['version'], answer: /go version go1\./ });
  if (go === undefined) return missing('not on the search path, and Go is not there to build it');
  try {
    const directory = await prepareOnce({
      name: `versitygw-${VERSION}`,
      make: async (work) => {
        process.stderr.write(`Building ${MODULE}, once, into ${work}.\n`);
        const env = { ...process.env, GOBIN: work };
        const command = { file: go, args: ['install', MODULE], cwd: work, env };
        await runOrFail({ ...command, msMax: BUILD_MS_MAX });
      },
    });
    return join(directory, PROGRAM.program);
  } catch (error) {
    return missing(error instanceof Error ? error.message : String(error));
  }
}

async function launch(
  file: string,
  { directory, port }: Readonly<{ directory: string; port: number }>,
): Promise<ServiceProcess> {
  const backend = ['posix', '--sidecar', join(directory, 'side'), join(directory, 'data')];
  const running = await startServiceProcess({
    file,
    args: ['--port', `127.0.0.1:${port}`, '--region', REGION, '--quiet', ...backend],
    env: {
      ...process.env,
      ROOT_ACCESS_KEY: KEYS.accessKeyId,
      ROOT_SECRET_KEY: KEYS.secretAccessKey,
    },
    temporary: directory,
  });
  await untilServing(running, {
    what: 'versitygw',
    msMax: START_MS_MAX,
    isServing: () => isServing(port),
  });
  return running;
}

function isServing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (serving: boolean): void => {
      socket.destroy();
      resolve(serving);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}
