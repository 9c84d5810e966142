import { addTo, increaseFrom, windowName, type NaiveWindow } from './naive-windows.ts';

/** About 2,500 samples a second. */
export const SHAPE = {
  eventsEveryMs: 100,
  eventsPerRequest: 150,
  /** Events go to so many series in turn. */
  shops: 10,
  eventStepMs: 7,
  countersEveryMs: 200,
  seriesPerLane: 50,
} as const;
export const LANES = 4;

/** What a paced load sent: every sample of it follows from these numbers. */
export interface PacedSamples {
  readonly name: string;
  readonly firstTimeMs: number;
  /** How many times slower than SHAPE it is sent, and its samples lie apart. */
  readonly slowness: number;
  /** Requests 0 to this one. */
  readonly eventRequests: number;
  /** Of each lane, steps 0 to this one. */
  readonly steps: readonly number[];
  /** Samples of attempts that were not acknowledged: they may be in the log beside. */
  readonly sentAgain: number;
}

export function countEvents({ eventRequests }: PacedSamples): number {
  return eventRequests * SHAPE.eventsPerRequest;
}

export function countPaced(sent: PacedSamples): number {
  const steps = sent.steps.reduce((sum, one) => sum + one, 0);
  return countEvents(sent) + steps * SHAPE.seriesPerLane;
}

type Times = Pick<PacedSamples, 'firstTimeMs' | 'slowness'>;

/** About as many in a second of sample time as are sent in one; of a series no two at one time. */
export function eventTimeMs({ firstTimeMs, slowness }: Times, id: number): number {
  return firstTimeMs + Math.floor(id / SHAPE.shops) * SHAPE.eventStepMs * slowness;
}

export function counterTimeMs({ firstTimeMs, slowness }: Times, step: number): number {
  return firstTimeMs + step * SHAPE.countersEveryMs * slowness;
}

/** Rises at a pace of its own and starts again from 0 now and then. */
export function counterValue(number: number, step: number): number {
  return (step % (150 + number)) * ((number % 7) + 1);
}

/** Every window of what was sent: each sample once. */
export function pacedWindows(
  sent: PacedSamples,
  widthsMs: readonly number[],
): Map<string, NaiveWindow> {
  const windows = new Map<string, NaiveWindow>();
  for (const widthMs of widthsMs) {
    const windowOf = (metric: string, number: number, timeMs: number): string =>
      windowName(metric, number, widthMs, Math.floor(timeMs / widthMs) * widthMs);
    for (let id = 0; id < countEvents(sent); id += 1) {
      const timeMs = eventTimeMs(sent, id);
      addTo(windows, windowOf(`${sent.name}_orders`, id % SHAPE.shops, timeMs), id, undefined);
    }
    for (const [lane, steps] of sent.steps.entries()) {
      for (let i = 0; i < SHAPE.seriesPerLane; i += 1) {
        const number = lane * SHAPE.seriesPerLane + i;
        for (let step = 0; step < steps; step += 1) {
          const value = counterValue(number, step);
          const before = step === 0 ? undefined : counterValue(number, step - 1);
          const timeMs = counterTimeMs(sent, step);
          const name = windowOf(`${sent.name}_requests_total`, number, timeMs);
          addTo(windows, name, value, increaseFrom(before, value));
        }
      }
    }
  }
  return windows;
}
