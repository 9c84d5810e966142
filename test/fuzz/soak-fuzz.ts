import { fuzzTargets } from './fuzz-targets.ts';
import { fuzzTarget, readFailedInputs } from './run-target.ts';
import { Watchdog } from './watchdog.ts';

/** Of each reader, in each round, at most: a short run comes to all of them. */
const TURN_MS_MAX = 5000;

/** All readers in turn, each turn with another seed, until the time is over. */
export async function soakFuzz(
  params: Readonly<{
    minutes: number;
    seed: number;
    say: (text: string) => void;
    isStopping: () => boolean;
  }>,
): Promise<boolean> {
  const { minutes, seed, say, isStopping } = params;
  const deadlineMs = performance.now() + minutes * 60_000;
  const turnMs = Math.min(TURN_MS_MAX, (minutes * 60_000) / fuzzTargets.length);
  const watchdog = new Watchdog();
  const inputs = new Map<string, number>();
  try {
    for (const target of fuzzTargets) await readFailedInputs(target, watchdog);
    for (let round = 0; performance.now() < deadlineMs && !isStopping(); round += 1) {
      for (const target of fuzzTargets) {
        const leftMs = Math.min(turnMs, deadlineMs - performance.now());
        if (leftMs <= 0 || isStopping()) break;
        const turn = { seed: seed + round, extent: { timeMs: leftMs } };
        const report = await fuzzTarget(target, watchdog, turn);
        inputs.set(target.name, (inputs.get(target.name) ?? 0) + report.inputs);
      }
    }
    const counts = [...inputs].map(([name, count]) => `${name} ${count.toLocaleString('en-US')}`);
    say(`Nothing broke. Inputs read: ${counts.join(', ')}. Seed ${seed}.`);
    return true;
  } catch (error) {
    say(`BROKE: ${error instanceof Error ? error.message : String(error)}`);
    say(`The file that keeps the input is read first by every run of test/fuzz from now on.`);
    return false;
  } finally {
    await watchdog.stop();
  }
}
