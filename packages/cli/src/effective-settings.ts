import { MillraceError, type EffectiveSetting } from '@millrace/runtime';
import { isDistributed } from './distributed/is-distributed.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A setting with the processes that read it: those that agree about it share one. */
export interface ShownSetting extends EffectiveSetting {
  processes: string[];
}

export interface ShownSettings {
  settings: ShownSetting[];
  /** Of processes that would not start like this, and why. */
  refused: { process: string; error: MillraceError }[];
}

type Read = (environment: Environment) => { readonly effective: readonly EffectiveSetting[] };

/** Every process there is, with what reads its settings; loaded only for those that are asked. */
const PROCESSES: Readonly<Record<string, () => Promise<Read>>> = {
  up: async () => (await import('@millrace/single')).readSingleSettings,
  setup: async () => {
    return (await import('./distributed/distributed-settings.ts')).readCommandSettings;
  },
  receiver: async () => (await import('@millrace/receiver/main')).readProcessSettings,
  transformer: async () => (await import('@millrace/transformer/main')).readProcessSettings,
  writer: async () => (await import('@millrace/writer/main')).readProcessSettings,
};

export const PROCESS_NAMES: readonly string[] = Object.keys(PROCESSES);

/** Those that this environment is for. */
export function processesOf(environment: Environment): readonly string[] {
  return isDistributed(environment) ? PROCESS_NAMES.filter((name) => name !== 'up') : ['up'];
}

/** What each of these processes would run with in this environment. */
export async function effectiveSettings(
  processes: readonly string[],
  environment: Environment,
): Promise<ShownSettings> {
  const shown = new Map<string, ShownSetting>();
  const refused: ShownSettings['refused'] = [];
  for (const process of processes) {
    const read = await PROCESSES[process]!();
    try {
      for (const setting of read(environment).effective) {
        const key = JSON.stringify([setting.path, setting.variable, setting.value]);
        const known = shown.get(key);
        if (known === undefined) shown.set(key, { ...setting, processes: [process] });
        else known.processes.push(process);
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      refused.push({ process, error });
    }
  }
  return { settings: [...shown.values()], refused };
}
