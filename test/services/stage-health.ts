import { until } from '../integration/running-millrace.ts';
import type { StageProcess } from './stage-processes.ts';

/** What `/readyz` answers. */
export interface Readiness {
  readonly status: number;
  readonly ready: boolean;
  readonly dependencies: readonly Readonly<{ name: string; state: string; detail?: string }>[];
}

/** One partition as `/api/v1/status` tells it. */
export interface PartitionHealth {
  readonly partition: number;
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped';
  readonly reason?: Readonly<{ code: string; message: string; remedy?: string }>;
  readonly position: number;
  readonly endOffset: number;
  readonly lagMs: number;
}

const ASK_MS_MAX = 5000;

/** Undefined: nobody listens. */
export async function readiness({ url }: StageProcess): Promise<Readiness | undefined> {
  const answer = await ask(`${url}/readyz`);
  if (answer === undefined) return undefined;
  return { ...((await answer.json()) as Omit<Readiness, 'status'>), status: answer.status };
}

export async function partitionsOf({ url }: StageProcess): Promise<readonly PartitionHealth[]> {
  const answer = await ask(`${url}/api/v1/status`);
  const status = (await answer?.json()) as { partitions?: PartitionHealth[] } | undefined;
  return status?.partitions ?? [];
}

export async function isAlive({ url }: StageProcess): Promise<boolean> {
  return (await ask(`${url}/healthz`))?.ok === true;
}

/** Polls until it holds; when it takes too long, fails with what the process said. */
export async function untilOf(
  process: StageProcess,
  what: string,
  msMax: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const name = `the ${process.stage} ${what}`;
  try {
    await until(name, msMax, async () => {
      const { exitCode, signalCode } = process.child;
      if (exitCode === null && signalCode === null) return await holds();
      throw new Error(`it ended with ${exitCode ?? signalCode}`);
    });
  } catch (error) {
    const told = JSON.stringify({
      readiness: await readiness(process),
      partitions: await partitionsOf(process),
    });
    const output = process.output().slice(-3000);
    throw new Error(`${name}: ${String(error)}\n${told}\n${output}`, { cause: error });
  }
}

/** Resolves when `/readyz` answers 503 and its dependencies say `why`. */
export async function untilUnready(
  process: StageProcess,
  why: string,
  msMax: number,
): Promise<Readiness> {
  let told: Readiness | undefined;
  await untilOf(process, `says ${why}`, msMax, async () => {
    told = await readiness(process);
    return told?.status === 503 && JSON.stringify(told.dependencies).includes(why);
  });
  return told!;
}

export async function untilReadyAgain(process: StageProcess, msMax: number): Promise<void> {
  await untilOf(process, 'is ready', msMax, async () => (await readiness(process))?.status === 200);
}

async function ask(url: string): Promise<Response | undefined> {
  return await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) }).catch(() => undefined);
}
