import { MillraceError } from '../errors.ts';
import type { LogLevel } from '../log/log.ts';
import { choice, durationMs, flag, integer, optionalInteger, text } from './setting-kinds.ts';
import type { SettingsDefinition } from './settings.ts';

/** What every process of ours can be told. */
export interface ProcessSettings {
  insecure: boolean;
  /** How long a clean stop may take in all. */
  stopMsMax: number;
  http: { host: string; port: number | undefined };
  logging: { level: LogLevel; format: 'auto' | 'text' | 'json' };
}

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

export const processDefinition: SettingsDefinition<ProcessSettings> = {
  insecure: flag({
    default: false,
    help: 'Listen on other addresses than loopback although nobody has to log in.',
  }),
  stopMsMax: durationMs({
    default: 10 * SECOND_MS,
    min: SECOND_MS,
    max: HOUR_MS,
    help: 'How long a clean stop may take; what is not done then is done at the next start.',
  }),
  http: {
    host: text({ default: '127.0.0.1', help: 'The address to listen on.' }),
    port: optionalInteger({
      default: undefined,
      min: 0,
      max: 65_535,
      aliases: ['PORT'],
      help: 'The port to listen on, 0 for any; 9480 or the next free one when it is not set.',
    }),
  },
  logging: {
    level: choice({
      default: 'info',
      of: ['debug', 'info', 'warn', 'error', 'silent'],
      help: 'The least important lines that are still written to standard error.',
    }),
    format: choice({
      default: 'auto',
      of: ['auto', 'text', 'json'],
      help: 'Lines for people, or JSON; auto: for people on a terminal.',
    }),
  },
};

/**
 * What processes of one installation may have in the environment that they share: each reads its
 * own part, and does not take the others' for mistakes.
 */
export const SHARED_SECTIONS: readonly string[] = [
  'kafka',
  'redis',
  'store',
  'receiver',
  'transformer',
  'writer',
  'checkpoint',
  'archive',
  'complete',
  'partitions',
  'replicas',
  'config',
  'dataDir',
];

/** P, as far as it has to be said: for a log that does not exist yet. */
export function partitionsSetting(usual: number): SettingsDefinition<{ partitions: number }> {
  return {
    partitions: integer({
      default: usual,
      min: 1,
      max: 64,
      help: 'Partitions of a new log; that of an existing one cannot be changed.',
    }),
  };
}

/** @throws MillraceError CONFIG_INSECURE_HOST. */
export function checkHost({ http, insecure }: Pick<ProcessSettings, 'http' | 'insecure'>): void {
  if (insecure || isLoopback(http.host)) return;
  throw new MillraceError({
    code: 'CONFIG_INSECURE_HOST',
    kind: 'permanent',
    message:
      `${http.host} can be reached from other machines, and nobody has to log in yet: whoever ` +
      'reaches it could write. Nothing was started.',
    remedy: 'Listen on 127.0.0.1, or say --insecure (MILLRACE_INSECURE=true) when that is meant.',
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
