import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrFail } from './run-command.ts';

/** Which packages an apt of ours knows: Debian testing's alone, or those of this machine. */
export type DebianSuite = 'testing' | 'own';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const STATUS = '/var/lib/dpkg/status';

/** What this machine lacks for an apt of ours; undefined: nothing. */
export function whyNoApt(suite: DebianSuite): string | undefined {
  if (!existsSync('/usr/bin/apt-get')) return 'there is no apt-get';
  if (suite === 'testing' && !existsSync(KEYRING)) return `${KEYRING} is missing`;
  if (suite === 'own' && !existsSync(STATUS)) return `${STATUS} is missing`;
  return undefined;
}

/** Runs one apt-get command in `work`. */
export interface PrivateApt {
  (...args: string[]): Promise<void>;
  /** Runs one apt-cache command; resolves with what it printed. */
  ask(...args: string[]): Promise<string>;
}

/**
 * An apt-get that touches nothing outside of `work` and needs no root: it has lists and a cache
 * of its own there, and checks signatures as always. That of `own` believes what dpkg says is
 * installed, so it fetches only what the machine lacks; that of `testing` believes nothing is.
 */
export async function preparePrivateApt(work: string, suite: DebianSuite): Promise<PrivateApt> {
  const apt = join(work, 'apt');
  for (const name of ['state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(apt, name), { recursive: true });
  }
  const status = join(apt, 'status');
  if (suite === 'own') await copyFile(STATUS, status);
  else await writeFile(status, '');
  const options = {
    'Dir::State': join(apt, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(apt, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::http::Timeout': '20',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // As root, apt would fetch as a user who may not write here.
    'APT::Sandbox::User': 'root',
    ...(suite === 'testing' ? await testingOnly(apt) : {}),
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run = async (...args: string[]): Promise<void> => {
    await runOrFail({ file: 'apt-get', args: ['-qq', ...flags, ...args], cwd: work });
  };
  const ask = async (...args: string[]): Promise<string> =>
    (await runOrFail({ file: 'apt-cache', args: [...flags, ...args], cwd: work })).output;
  return Object.assign(run, { ask });
}

async function testingOnly(apt: string): Promise<Record<string, string>> {
  const sources = join(apt, 'sources.list');
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${await findDebianMirror()} testing main\n`);
  return { 'Dir::Etc::sourcelist': sources, 'Dir::Etc::sourceparts': '/dev/null' };
}

/** The mirror that this machine is set up with. */
export async function findDebianMirror(): Promise<string> {
  const args = ['indextargets', '--format', '$(SITE)'];
  const { output } = await runOrFail({ file: 'apt-get', args });
  const site = output.split('\n').find((line) => line !== '' && !line.includes('security'));
  if (site === undefined) throw new Error('no mirror is set up (apt-get indextargets)');
  return site;
}
