import { OverloadWorld, type OverloadOutcome } from './overload.ts';

const NEW_SERIES_SECONDS = 30;

/** Everything that one process cannot take, for long: most of the time senders that are faster. */
export async function soakOverload(
  params: Readonly<{ minutes: number; say: (text: string) => void }>,
): Promise<boolean> {
  const { minutes, say } = params;
  const world = await OverloadWorld.start();
  try {
    for (const act of [
      () => world.fasterSenders(minutes * 60),
      () => world.slowConnections(),
      () => world.silentStore(),
      () => world.newSeries(NEW_SERIES_SECONDS),
    ] satisfies (() => Promise<OverloadOutcome>)[]) {
      const { faults, told } = await act();
      say(told);
      if (faults.length === 0) continue;
      say(`BROKE: ${faults.join('\n')}`);
      return false;
    }
    return true;
  } finally {
    await world.remove();
  }
}
