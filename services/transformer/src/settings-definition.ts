import { durationMs, type SettingsDefinition } from '@millrace/runtime';
import { DEFAULT_TRANSFORMER_SETTINGS, type TransformerSettings } from './settings.ts';

/** Those that people set; all others have their defaults. */
export type TunedTransformerSettings = Pick<TransformerSettings, 'commitMs' | 'tickMs'>;

const SECOND_MS = 1000;

export const transformerDefinition: SettingsDefinition<TunedTransformerSettings> = {
  commitMs: durationMs({
    default: DEFAULT_TRANSFORMER_SETTINGS.commitMs,
    min: 100,
    max: 60 * SECOND_MS,
    help: 'How often the state is committed; it only shortens recovery.',
  }),
  tickMs: durationMs({
    default: DEFAULT_TRANSFORMER_SETTINGS.tickMs,
    min: 10,
    max: 60 * SECOND_MS,
    help: 'How long a partition is idle before its time is moved on.',
  }),
};
