import { Random } from '../sim/random.ts';
import { samplesIn, type Family, type Rectangle } from './repeated-families.ts';

/** A request that is to be sent when everything well before `step` was. */
export interface Planned {
  readonly family: Family;
  readonly rectangle: Rectangle;
  readonly headers: Readonly<Record<string, string>>;
  readonly step: number;
}

/**
 * Less than what is remembered of a series (its 16 newest times): what comes again in another
 * request within so many steps is recognised by the sample itself.
 */
const DELAY_STEPS_MAX = 5;
const REPACKED_STEPS = 4;
const REPACKED_CUTS = 3;

/**
 * Every sample three times: in its request, in the same request again (at once or much later),
 * and, when a sample has an identity of its own, in a request that is cut another way; all of it
 * mixed up.
 */
export function planRepeats(families: readonly Family[], steps: number, random: Random): Planned[] {
  const planned = families.flatMap((family) => [
    ...planOriginals(family, steps, random),
    ...(family.identified ? planRepacked(family, steps, random) : []),
  ]);
  return planned
    .map((one) => ({ one, at: one.step + random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

export function countSamples(planned: readonly Planned[]): number {
  return planned.reduce((sum, { rectangle }) => sum + samplesIn(rectangle), 0);
}

/** The request, the request again, and a third time where it is all that can be recognised. */
function planOriginals(family: Family, steps: number, random: Random): Planned[] {
  const planned: Planned[] = [];
  const series = [0, family.series] as const;
  const { stepsPerRequest, identified } = family;
  for (let from = 0, n = 0; from < steps; from += stepsPerRequest, n += 1) {
    const until = Math.min(steps, from + stepsPerRequest);
    const again = identified ? 1 : 2;
    for (let turn = 0; turn <= again; turn += 1) {
      const soon = random.int(DELAY_STEPS_MAX);
      const delay = turn === 0 ? 0 : random.chance(0.5) ? soon : random.int(steps - until + 1);
      planned.push({
        family,
        rectangle: { series, steps: [from, until] },
        headers: family.identity(n),
        step: until + delay,
      });
    }
  }
  return planned;
}

/** Other series and steps together than before, under no identity but that of the samples. */
function planRepacked(family: Family, steps: number, random: Random): Planned[] {
  const planned: Planned[] = [];
  const width = Math.ceil(family.series / REPACKED_CUTS);
  for (let cut = 0; cut < REPACKED_CUTS; cut += 1) {
    const series = [cut * width, Math.min(family.series, (cut + 1) * width)] as const;
    // Cut at other places in each third.
    for (let from = -cut; from < steps; from += REPACKED_STEPS) {
      const until = Math.min(steps, from + REPACKED_STEPS);
      const rectangle = { series, steps: [Math.max(0, from), until] } as const;
      if (samplesIn(rectangle) === 0) continue;
      const step = until + random.int(DELAY_STEPS_MAX);
      planned.push({ family, rectangle, headers: {}, step });
    }
  }
  return planned;
}
