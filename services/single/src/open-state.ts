import { fork } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, type Clock, type Log } from '@millrace/runtime';
import { isCorruptState } from '@millrace/state';
import { openLmdbStateStore, type LmdbStateStore } from '@millrace/state/lmdb';

interface StateFiles {
  directory: string;
  partitions: number;
  /** The program that tries them out; left out: the built one beside this file. */
  probe?: URL;
}

const BUILT_PROBE = new URL('./state-probe.js', import.meta.url);
/** In the directory of a state that was closed in order, and as long as it is not open again. */
const CLOSED_MARK = 'closed';
/** Beside the directory: files that could not be read, the last of them. */
const ASIDE = '.damaged';
/** A state of gigabytes on a slow disk is read in less. */
const PROBE_MS_MAX = 300_000;

/**
 * Opens the state of the one process. Files that cannot be read are put aside and an empty state
 * is opened in their place, which checkpoints or the log then fill: damage must not keep a process
 * from its work, nor end it. After an unclean end they are tried out by another process first.
 */
export async function openState(
  components: Readonly<{ clock: Clock; log: Log }>,
  params: StateFiles,
): Promise<LmdbStateStore> {
  const { log } = components;
  const { directory } = params;
  const damage = await findDamage(components, params);
  if (damage !== undefined) {
    const aside = `${directory}${ASIDE}`;
    await rm(aside, { recursive: true, force: true });
    await rename(directory, aside);
    log.warn(
      { directory, aside, error: damage },
      'The state cannot be read and was put aside; it is made again from checkpoints and the log.',
    );
  }
  const state = openLmdbStateStore({ directory });
  // Gone before the first commit, also after a power cut: what is open may be damaged.
  rmSync(join(directory, CLOSED_MARK), { force: true });
  flush(directory);
  return {
    load: (partition) => state.load(partition),
    commit: (commit) => state.commit(commit),
    discardCorrupt: (partition) => state.discardCorrupt(partition),
    readPosition: (partition) => state.readPosition(partition),
    close: async () => {
      await state.close();
      // A directory that is gone has nothing that was closed.
      if (!existsSync(directory)) return;
      writeFileSync(join(directory, CLOSED_MARK), '');
    },
  };
}

/** Why the files cannot be used; undefined: they can, or there are none. */
async function findDamage(
  { clock }: Readonly<{ clock: Clock }>,
  files: StateFiles,
): Promise<string | undefined> {
  const { directory } = files;
  if (!existsSync(join(directory, 'data.mdb'))) return undefined;
  if (!existsSync(join(directory, CLOSED_MARK))) return await probe(clock, files);
  try {
    await openLmdbStateStore({ directory }).close();
    return undefined;
  } catch (error) {
    if (isCorruptState(error)) return errorText(error);
    throw error;
  }
}

async function probe(
  clock: Clock,
  { directory, partitions, probe: entry = BUILT_PROBE }: StateFiles,
): Promise<string | undefined> {
  const child = fork(entry, [directory, `${partitions}`], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let told = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    told = (told + chunk.toString()).slice(-2000);
  });
  const over = new AbortController();
  const late = clock.sleep(PROBE_MS_MAX, over.signal).then(
    () => child.kill('SIGKILL'),
    () => undefined,
  );
  const ended = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? String(code)));
  });
  over.abort();
  await late;
  if (ended === '0') return undefined;
  const reason = /^(?:\w+Error|StateError)?.*(?:STATE_\w+|MDB_\w+).*$/m.exec(told)?.[0];
  return `reading it ended with ${ended}${reason === undefined ? '' : `: ${reason.trim()}`}`;
}

function flush(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
