import { startOwnServices } from '../services/own-services.ts';
import { KILL_MOMENTS, reprocessUnderKills } from '../integration/killed-reprocess.ts';
import type { Playground } from '../integration/running-millrace.ts';
import { ShopSamples } from '../integration/shop-samples.ts';
import { Random } from '../sim/random.ts';
import { ClusterReprocess } from './cluster-reprocess.ts';
import { soakRounds, type Round, type SoakParams } from './soak-rounds.ts';

const MINUTE_MS = 60_000;
const KILLS = 5;
const REQUESTS_MIN = 50;
const REQUESTS_MORE = 150;

/**
 * Rounds of folding the past again under the rules in force, each killed five times at moments that
 * the seed draws, with late samples of the same past: both editions are the same, and both audits
 * pass. Resolves with whether nothing broke.
 */
export async function soakReprocess(params: SoakParams): Promise<boolean> {
  const texts = { option: '--reprocess', whole: 'no window differs' };
  return await soakRounds(params, texts, round);
}

/** The same of a cluster, whose transformers are killed by turns. */
export async function soakClusterReprocess(params: SoakParams): Promise<boolean> {
  const { minutes, seed, say, isStopping } = params;
  const services = await startOwnServices();
  if (!('urls' in services)) {
    for (const { what, why, fix } of services)
      say(`!! NOT RUN: ${what}: ${why}. To run it: ${fix}`);
    return false;
  }
  const deadlineMs = performance.now() + minutes * MINUTE_MS;
  let rounds = 0;
  try {
    for (; performance.now() < deadlineMs && !isStopping(); rounds += 1) {
      const cluster = await ClusterReprocess.start(services.urls, seed + rounds);
      try {
        await cluster.run(KILLS);
        const { faults, equal } = await cluster.faults();
        say(`seed ${seed + rounds}: killed ${KILLS} times: ${equal} windows are the same`);
        if (faults.length > 0) throw new Error(faults.join('\n'));
      } catch (error) {
        say(`BROKE: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        say(`What the processes said last:\n${cluster.world.outputs().slice(-10_000)}`);
        return false;
      } finally {
        await cluster.remove();
      }
    }
    say(`${rounds} rounds, no window differs. Seed ${seed}.`);
    return true;
  } finally {
    await services.stop();
  }
}

async function round(playground: Playground, seed: number): Promise<Round> {
  const random = new Random(seed);
  const requests = REQUESTS_MIN + random.int(REQUESTS_MORE);
  const fromMs = Math.floor(Date.now() / MINUTE_MS - requests / 2 - 10) * MINUTE_MS;
  const moments = Array.from({ length: KILLS }, () => random.pick(KILL_MOMENTS));
  const beganMs = performance.now();
  const samples = new ShopSamples({ fromMs, requests, seed });
  const { faults, equal, lateSamples } = await reprocessUnderKills(playground, samples, moments);
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  const told =
    `seed ${seed}: killed when ${moments.join(', ')}: ${equal} windows are the same, ` +
    `${lateSamples} late samples, ${seconds} s`;
  return { told, faults };
}
