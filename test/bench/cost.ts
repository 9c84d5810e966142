import type { PartFigures, SystemUnderTest } from './system-under-test.ts';

/** What a measured stretch cost, by part of the system. */
export type Cost = Readonly<Record<string, PartCost>>;

/** Of one process' processor time, what its threads took, and what is left for helpers of all. */
export type StageCost = Readonly<Record<string, number>>;

export interface PartCost {
  cpuSecondsPerMillion: number;
  /** Processors kept busy on average. */
  cores: number;
  rssBytesMax: number;
  /** Resident and no page of a file. */
  ownBytesMax?: number;
}

const LOOK_MS = 250;

export interface FigureWatch {
  end(samples: number): Cost;
}

export interface StageWatch {
  /** CPU seconds per million samples. */
  end(samples: number): Promise<StageCost>;
}

/** Looks at the stages' threads now and at the end; nothing where each has a process of its own. */
export async function watchStages(system: SystemUnderTest): Promise<StageWatch> {
  const before = await system.stageSeconds?.();
  return {
    end: async (samples) => {
      const after = Object.entries((await system.stageSeconds?.()) ?? {});
      return Object.fromEntries(
        after.map(([stage, seconds]) => [
          stage,
          ((seconds - (before?.[stage] ?? 0)) / samples) * 1_000_000,
        ]),
      );
    },
  };
}

/** Looks at the processes from now on, often enough to see how large they become. */
export function watchFigures(system: SystemUnderTest): FigureWatch {
  const startMs = performance.now();
  const before = system.figures();
  const rssBytesMax: Record<string, number> = {};
  const ownBytesMax: Record<string, number> = {};
  const look = (): Readonly<Record<string, PartFigures>> => {
    const figures = system.figures();
    for (const [part, { rssBytes, fileBytes }] of Object.entries(figures)) {
      if (fileBytes !== undefined) {
        ownBytesMax[part] = Math.max(ownBytesMax[part] ?? 0, rssBytes - fileBytes);
      }
      rssBytesMax[part] = Math.max(rssBytesMax[part] ?? 0, rssBytes);
    }
    return figures;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    end: (samples) => {
      clearInterval(timer);
      const after = look();
      const tookSeconds = (performance.now() - startMs) / 1000;
      return Object.fromEntries(
        Object.entries(after).map(([part, { cpuSeconds }]) => {
          const used = cpuSeconds - (before[part]?.cpuSeconds ?? 0);
          return [
            part,
            {
              cpuSecondsPerMillion: (used / samples) * 1_000_000,
              cores: used / tookSeconds,
              rssBytesMax: rssBytesMax[part] ?? 0,
              ...(ownBytesMax[part] === undefined ? {} : { ownBytesMax: ownBytesMax[part] }),
            },
          ];
        }),
      );
    },
  };
}
