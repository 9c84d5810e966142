import { Playground } from '../integration/running-millrace.ts';
import { ShopSamples } from '../integration/shop-samples.ts';
import { promoteUnderQueries } from './promotions.ts';

const MINUTE_MS = 60_000;
const REQUESTS = 30;
const ROUND = { changes: 20, seconds: 60, queriesPerSecond: 200 };

/**
 * Rounds of a minute, each of twenty promotions and rollbacks under two hundred queries a second.
 * Resolves with whether nothing broke.
 */
export async function soakPromotions(
  params: Readonly<{
    minutes: number;
    seed: number;
    say: (text: string) => void;
    isStopping: () => boolean;
  }>,
): Promise<boolean> {
  const { minutes, seed, say, isStopping } = params;
  const deadlineMs = performance.now() + minutes * MINUTE_MS;
  let rounds = 0;
  while (performance.now() < deadlineMs && !isStopping()) {
    const playground = await Playground.make();
    // Even minutes, at which windows of all widths begin.
    const fromMs = Math.floor(Date.now() / (2 * MINUTE_MS) - REQUESTS / 4 - 5) * 2 * MINUTE_MS;
    const samples = new ShopSamples({ fromMs, requests: REQUESTS, seed: seed + rounds });
    try {
      const { told, faults } = await promoteUnderQueries(playground, { samples, ...ROUND });
      say(`seed ${seed + rounds}: ${told}`);
      if (faults.length > 0) throw new Error(faults.join('\n'));
      await playground.remove();
    } catch (error) {
      await playground.end();
      say(`BROKE: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      say(`Everything is left in ${playground.path}`);
      say(`npm run soak -- --promotions --seed ${seed + rounds}`);
      return false;
    }
    rounds += 1;
  }
  say(`${rounds} rounds, no answer was a mixture. Seed ${seed}.`);
  return true;
}
