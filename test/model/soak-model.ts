import { explore } from './explore.ts';

/** So many keys fit into some gigabytes. */
const WORLDS_MAX = 4_000_000;

const EXTENTS = [
  { owners: 2, writers: 2, faults: 3, isLive: false },
  { owners: 2, writers: 2, faults: 2, isLive: true },
  { owners: 1, writers: 2, faults: 3, isLive: true },
  { owners: 2, writers: 0, faults: 4, isLive: false },
] as const;

/** The model of the commit protocol as deep as time and memory reach; each extent has its share. */
export async function soakModel(
  params: Readonly<{ minutes: number; say: (text: string) => void }>,
): Promise<boolean> {
  const { minutes, say } = params;
  for (const extent of EXTENTS) {
    const deadlineMs = performance.now() + (minutes * 60_000) / EXTENTS.length;
    const found = explore({
      ...extent,
      depthMax: Infinity,
      worldsMax: WORLDS_MAX,
      isStopping: () => performance.now() > deadlineMs,
    });
    const { owners, writers, faults, isLive } = extent;
    const { worlds, depth, isComplete, counterexample } = found;
    say(
      `${owners} owners, ${writers} writers, ${faults} faults, ` +
        (isLive ? 'drained from each: ' : '') +
        `${worlds.toLocaleString('en-US')} worlds, ` +
        (isComplete ? 'all there are' : `all within ${depth} steps and some further ones`),
    );
    if (counterexample === undefined) continue;
    say(`BROKE: ${counterexample.what}\n${counterexample.steps.join('\n')}`);
    return false;
  }
  return true;
}
