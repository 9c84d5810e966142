import { durationMs, type Setting, type SettingsDefinition } from '@millrace/runtime';
import { RETENTION_DEFAULTS, type Retention } from '../../retention/retention-policy.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function retentionMs(name: keyof Retention, what: string): Setting<number> {
  const help = `How long the store keeps ${what}.`;
  return durationMs({
    default: RETENTION_DEFAULTS[name],
    min: HOUR_MS,
    max: 36_500 * DAY_MS,
    help,
  });
}

/** How often what is past its retention is looked for. */
export const upkeepSetting: Setting<number> = durationMs({
  default: HOUR_MS,
  min: 1000,
  max: DAY_MS,
  help: 'How often the store forgets what is past its retention.',
});

/** How long what is kept, as people set it. */
export const retentionDefinition: SettingsDefinition<Retention> = {
  rawMs: retentionMs('rawMs', 'samples, histograms and exemplars'),
  narrowWindowsMs: retentionMs('narrowWindowsMs', 'windows narrower than an hour'),
  wideWindowsMs: retentionMs('wideWindowsMs', 'windows of an hour and more'),
  deadLettersMs: retentionMs('deadLettersMs', 'dead letters'),
};
