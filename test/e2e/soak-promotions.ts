import { ShopSamples } from '../integration/shop-samples.ts';
import { promoteUnderQueries } from './promotions.ts';
import { soakRounds, type SoakParams } from './soak-rounds.ts';

const MINUTE_MS = 60_000;
const REQUESTS = 30;
const ROUND = { changes: 20, seconds: 60, queriesPerSecond: 200 };

/**
 * Rounds of a minute, each of twenty promotions and rollbacks under two hundred queries a second.
 * Resolves with whether nothing broke.
 */
export async function soakPromotions(params: SoakParams): Promise<boolean> {
  const texts = { option: '--promotions', whole: 'no answer was a mixture' };
  return await soakRounds(params, texts, async (playground, seed) => {
    // Even minutes, at which windows of all widths begin.
    const fromMs = Math.floor(Date.now() / (2 * MINUTE_MS) - REQUESTS / 4 - 5) * 2 * MINUTE_MS;
    const samples = new ShopSamples({ fromMs, requests: REQUESTS, seed });
    const { told, faults } = await promoteUnderQueries(playground, { samples, ...ROUND });
    return { told: `seed ${seed}: ${told}`, faults };
  });
}
