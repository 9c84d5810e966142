import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOwnServices } from '../services/own-services.ts';
import { OutageRun } from './outage-run.ts';
import { OUTAGES, type Outage } from './outages.ts';
import { recordRound } from './survived-faults.ts';

export interface OutageSoak {
  /** How long something is away; undefined: as each of them says. */
  readonly outageSeconds: number | undefined;
  /** Which of them; none named: all. */
  readonly names: readonly string[];
  readonly say: (text: string) => void;
  readonly isStopping: () => boolean;
}

const SOON_MS_MAX = 180_000;

/**
 * Each outage in a world of its own with a Kafka, a Redis and a TimescaleDB of its own, all side
 * by side. Resolves with whether nothing broke.
 */
export async function soakOutages(soak: OutageSoak): Promise<boolean> {
  const { names, say } = soak;
  const wanted = OUTAGES.filter(({ name }) => names.length === 0 || names.includes(name));
  const unknown = names.filter((name) => OUTAGES.every((one) => one.name !== name));
  if (unknown.length > 0) {
    say(`no outage is named ${unknown.join(', ')}: ${OUTAGES.map(({ name }) => name).join(', ')}`);
    return false;
  }
  say(`Side by side: ${wanted.map(({ what }) => what).join('; ')}`);
  const reports = await Promise.all(wanted.map((outage) => soakOutage(outage, soak)));
  for (const { told } of reports) say(told);
  return reports.every(({ isWhole }) => isWhole);
}

interface Report {
  readonly isWhole: boolean;
  readonly told: string;
}

async function soakOutage(outage: Outage, soak: OutageSoak): Promise<Report> {
  const { isStopping, outageSeconds = outage.soakSeconds } = soak;
  const startMs = performance.now();
  const say = (text: string): void => soak.say(`[${outage.name}] ${text}`);
  const services = await startOwnServices();
  if (!('urls' in services)) {
    const why = services.map(({ what, fix }) => `${what}. To run it: ${fix}`).join('\n');
    return { isWhole: false, told: `!! NOT RUN: ${outage.what}: ${why}` };
  }
  let run: OutageRun | undefined;
  try {
    const settings = {
      outageMs: outageSeconds * 1000,
      soonMsMax: SOON_MS_MAX,
      slowness: outage.soakSlowness,
    };
    run = await OutageRun.make({ services, settings, say, isStopping });
    if (!outage.isAtStart) await run.begin();
    await outage.act(run);
    say('it is back, and everybody has caught up');
    const { faults, counts } = await run.finish();
    const how = `${outage.how} ${durationOf(outageSeconds)}`;
    recordRound([{ fault: outage.what, how }], counts, new Date());
    if (faults.length > 0) throw new Error(faults.join('\n'));
    const { samples, missing, twice } = counts;
    const { again, noAnswer } = run.load.refusals;
    const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
    return {
      isWhole: true,
      told:
        `${outage.what} for ${outageSeconds} s, ${minutes} min in all: ${samples} samples, ` +
        `${missing} missing, ${twice} twice; ${again} times 503, ` +
        `${noAnswer} times no answer; ${run.told}`,
    };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const where = run === undefined ? 'nowhere yet' : await saveOutputs(run);
    const told = `${outage.what} BROKE: ${message}\n${stack ?? ''}\nWhat was said: ${where}`;
    say(told);
    return { isWhole: false, told };
  } finally {
    await run?.end();
    await services.stop();
  }
}

function durationOf(seconds: number): string {
  if (seconds === 3600) return 'an hour';
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** Writes what every process said into a directory, which stays; its path. */
async function saveOutputs({ world }: OutageRun): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-outage-'));
  for (const { stage, pid, output } of world.everyProcess) {
    await writeFile(join(directory, `${stage}-${pid}.log`), output());
  }
  return directory;
}
