import {
  createConsoleLog,
  letHelpersGiveWay,
  lockDirectory,
  systemClock,
  type Clock,
  type Log,
} from '@millrace/runtime';
import { makeDataDirectory, usualDataDirectory } from './running/data-directory.ts';
import { OpenSingle, type Single } from './open-single.ts';
import { readRuleFile } from './running/rule-file.ts';
import type { SingleSettings } from './settings.ts';

export interface SingleComponents {
  /** Left out: one that writes to standard error, as the settings say. */
  log?: Log;
  clock?: Clock;
  /** Whether lines for people have colours. */
  colours?: boolean;
}

/**
 * Starts all stages in this process and resolves when it takes data and the store runs. Whatever
 * was begun is undone when something on the way fails.
 *
 * @throws MillraceError CONFIG_…, DATA_DIR_IN_USE, PORT_BUSY, and what log, state and store throw
 *   when they cannot be opened.
 */
export async function startSingle(
  settings: SingleSettings,
  components: SingleComponents = {},
): Promise<Single> {
  const { colours = false, clock = systemClock } = components;
  const log = components.log ?? createConsoleLog({ logging: settings.logging, colours });
  const directory = usualDataDirectory(settings.dataDir);
  // Before anything is touched: most mistakes are in this file.
  const wanted = await readRuleFile({ config: settings.config, cwd: process.cwd() });
  await makeDataDirectory(directory);
  const lock = await lockDirectory(directory.path);
  letHelpersGiveWay(log);
  let single: OpenSingle | undefined;
  try {
    single = new OpenSingle({ settings, directory, rules: wanted, lock, log, clock, colours });
    await single.start();
    return single;
  } catch (error) {
    if (single === undefined) await lock.release();
    else await single.stop();
    throw error;
  }
}
