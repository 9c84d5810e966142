import { Playground } from '../integration/running-millrace.ts';

const MINUTE_MS = 60_000;

export interface SoakParams {
  minutes: number;
  seed: number;
  say: (text: string) => void;
  isStopping: () => boolean;
}

/** What came of one round: a line, and what is wrong. */
export interface Round {
  told: string;
  faults: readonly string[];
}

/**
 * Rounds of `play` until the time is over, each with an own playground and the next seed; what
 * broke is left for whoever looks at it. Resolves with whether nothing broke.
 */
export async function soakRounds(
  { minutes, seed: firstSeed, say, isStopping }: SoakParams,
  { option, whole }: Readonly<{ option: string; whole: string }>,
  play: (playground: Playground, seed: number) => Promise<Round>,
): Promise<boolean> {
  const deadlineMs = performance.now() + minutes * MINUTE_MS;
  let rounds = 0;
  for (; performance.now() < deadlineMs && !isStopping(); rounds += 1) {
    const seed = firstSeed + rounds;
    const playground = await Playground.make();
    try {
      const { told, faults } = await play(playground, seed);
      say(told);
      if (faults.length > 0) throw new Error(faults.join('\n'));
      await playground.remove();
    } catch (error) {
      await playground.end();
      say(`BROKE: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      say(`Everything is left in ${playground.path}`);
      say(`npm run soak -- ${option} --seed ${seed}`);
      return false;
    }
  }
  say(`${rounds} rounds, ${whole}. Seed ${firstSeed}.`);
  return true;
}
