import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTcpProxy, type TcpProxy } from '@millrace/runtime/testing';
import { Playground, until, type RunningMillrace } from '../integration/running-millrace.ts';

const FAULT_MS_MAX = 60_000;
const BALLAST = 'ballast';
const BALLAST_BYTES = 16 * 1024 * 1024;
const BLOCK_BYTES = 4096;
/** Our own metrics once after each start and then no more: ledger and tables come to rest. */
const QUIET = { MILLRACE_SELF_METRICS__INTERVAL_MS: '1h' };

type Environment = Readonly<Record<string, string>>;

/** Of the data directory. */
export type DataPart = 'log' | 'state' | 'postgres';
/** Enough of each for what a round writes. */
const PART_MIB: Readonly<Record<DataPart, number>> = { log: 400, state: 100, postgres: 500 };
export const DATA_PARTS = Object.keys(PART_MIB) as DataPart[];

/** What is said when there is no room for it. */
const TOLD: Readonly<Record<DataPart, RegExp>> = {
  log: /STREAM_FULL/,
  state: /STATE_FULL/,
  postgres: /STORE_(BUSY|UNREACHABLE)/,
};

interface WorldParts {
  readonly env: Environment;
  readonly millrace: RunningMillrace;
  readonly senders: TcpProxy;
  readonly disks: readonly SmallDisk[];
}

/** A running Millrace, and what can happen to it. */
export class CrashWorld {
  readonly playground: Playground;
  readonly #env: Environment;
  #millrace: RunningMillrace;
  /** Between senders and it. */
  readonly #senders: TcpProxy;
  readonly #disks: readonly SmallDisk[];

  private constructor(playground: Playground, { env, millrace, senders, disks }: WorldParts) {
    this.playground = playground;
    this.#env = env;
    this.#millrace = millrace;
    this.#senders = senders;
    this.#disks = disks;
  }

  /** `more` goes over the settings of all worlds. */
  static async start(parent?: string, more: Environment = {}): Promise<CrashWorld> {
    return await CrashWorld.#make(await Playground.make(parent), [], more);
  }

  /** Each part of its data directory on a small disk of its own. */
  static async startOnSmallDisks(): Promise<CrashWorld> {
    return await CrashWorld.#make(await Playground.make(), DATA_PARTS, {});
  }

  static async #make(
    playground: Playground,
    parts: readonly DataPart[],
    more: Environment,
  ): Promise<CrashWorld> {
    const disks: SmallDisk[] = [];
    try {
      for (const part of parts) {
        const at = join(playground.dataDir, part);
        await mkdir(at, { recursive: true });
        disks.push(await SmallDisk.make(PART_MIB[part], at));
      }
      const env = { ...QUIET, ...more };
      const millrace = await playground.up({ env });
      const senders = await startTcpProxy({ port: millrace.info.port });
      return new CrashWorld(playground, { env, millrace, senders, disks });
    } catch (error) {
      await playground.end();
      for (const disk of disks) await disk.remove();
      await playground.remove();
      throw error;
    }
  }

  /** Where senders send to. */
  get url(): string {
    return `http://127.0.0.1:${this.#senders.port}`;
  }

  /** The command, as somebody would call it here. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.playground.run(args);
    if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** The one that runs now; always at the same port. */
  get millrace(): RunningMillrace {
    return this.#millrace;
  }

  /**
   * kill -9 of the process; PostgreSQL is left behind, and another start finds it, and whatever
   * `meanwhile` did to the files.
   */
  async killProcess(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    this.#millrace.child.kill('SIGKILL');
    await this.#millrace.ended;
    await meanwhile();
    await this.#startAgain();
  }

  /** kill -9 when something is in the log and acknowledged, before any sender hears of it. */
  async killBeforeAnswer(): Promise<void> {
    const { child } = this.#millrace;
    this.#senders.cutAtAnswer(() => child.kill('SIGKILL'));
    await until('there is an answer', FAULT_MS_MAX, async () => child.killed);
    await this.#startAgain();
  }

  /** The same again while the next start is still at work. */
  async killProcessTwice(afterMs: number): Promise<void> {
    this.#millrace.child.kill('SIGKILL');
    await this.#millrace.ended;
    const starting = this.playground.start(this.#upAgain(), this.#env);
    await sleep(afterMs);
    starting.child.kill('SIGKILL');
    await starting.ended;
    await this.#startAgain();
  }

  /** A clean stop under load, and another start. */
  async stopAndStart(): Promise<void> {
    this.#millrace.child.kill('SIGTERM');
    const code = await this.#millrace.ended;
    if (code !== 0) throw new Error(`it stopped with ${code}:\n${this.#millrace.output()}`);
    await this.#startAgain();
  }

  /** kill -9 of PostgreSQL alone; Millrace starts another one. */
  async killPostgres(): Promise<void> {
    const pid = await this.playground.postgresPid();
    if (pid === undefined) throw new Error('no PostgreSQL runs');
    process.kill(pid, 'SIGKILL');
    await until('another PostgreSQL runs', FAULT_MS_MAX, async () => {
      const now = await this.playground.postgresPid();
      return now !== undefined && now !== pid;
    });
  }

  /** No byte is left on the disk until that is felt, and as long as `whileFull` takes. */
  async fillDisk(
    isFelt: () => boolean,
    whileFull: () => Promise<void>,
    directory: string = this.playground.path,
  ): Promise<void> {
    const path = join(directory, BALLAST);
    const file = await open(path, 'w');
    try {
      await writeUntilFull(file);
      await until('the full disk is felt', FAULT_MS_MAX, async () => {
        // What was given back meanwhile is taken again.
        await writeUntilFull(file);
        return isFelt();
      });
      await whileFull();
    } finally {
      await file.close();
      await rm(path);
    }
  }

  /** No byte is left for one part until it says so, and as long as `whileFull` takes. */
  async fillPart(part: DataPart, whileFull: () => Promise<void>): Promise<void> {
    const told = this.#millrace.output().length;
    const isFelt = (): boolean => this.#millrace.output().slice(told).match(TOLD[part]) !== null;
    await this.fillDisk(isFelt, whileFull, join(this.playground.dataDir, part));
  }

  /** kill -9 of the process while not a byte is left; there is room again when it starts. */
  async killOnFullDisk(isFelt: () => boolean): Promise<void> {
    await this.fillDisk(isFelt, async () => {
      this.#millrace.child.kill('SIGKILL');
      await this.#millrace.ended;
    });
    await this.#startAgain();
  }

  async remove(): Promise<void> {
    await this.#senders.close();
    await this.playground.end();
    for (const disk of this.#disks) await disk.remove();
    await this.playground.remove();
  }

  /** Ends the processes and leaves everything else to be looked at. */
  async leave(): Promise<void> {
    await this.#senders.close();
    this.#millrace.child.kill('SIGKILL');
    const pid = await this.playground.postgresPid();
    if (pid !== undefined) process.kill(pid, 'SIGQUIT');
  }

  async #startAgain(): Promise<void> {
    await this.#millrace.ended;
    const [, ...args] = this.#upAgain();
    this.#millrace = await this.playground.up({ args, env: this.#env });
  }

  #upAgain(): string[] {
    return ['up', '--port', String(this.#millrace.info.port)];
  }
}

/** A small file system in memory, which only root can make. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static get isPossible(): boolean {
    return process.platform === 'linux' && process.getuid?.() === 0;
  }

  /** `at`: an empty directory, which is gone when it is removed. */
  static async make(mib: number, at?: string): Promise<SmallDisk> {
    const path = at ?? (await mkdtemp(join(tmpdir(), 'millrace-disk-')));
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  async remove(): Promise<void> {
    await run('umount', [this.path]);
    await rmdir(this.path);
  }
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>): Promise<void> {
  const weight = Buffer.alloc(BALLAST_BYTES, 1);
  for (let bytes = BALLAST_BYTES; bytes >= BLOCK_BYTES;) {
    try {
      await file.write(weight, 0, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      bytes /= 2;
    }
  }
}

async function run(file: string, args: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${file} ${args.join(' ')} ended with ${code}`));
    });
  });
}
