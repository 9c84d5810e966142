import { durationMs, type SettingsDefinition } from '@millrace/runtime';

/** The section `complete`, the same for all that complete marked windows when that is due. */
export interface CompleteSection {
  /** How often marked windows are looked for; 0: only when somebody asks for it. */
  intervalMs: number;
  /** Of which age windows are looked at then, by their beginning. */
  reachMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const completeDefinition: SettingsDefinition<CompleteSection> = {
  intervalMs: durationMs({
    default: 15 * MINUTE_MS,
    min: 0,
    max: 24 * HOUR_MS,
    help: 'How often marked windows are looked for and computed again; 0: only when asked for.',
  }),
  reachMs: durationMs({
    default: 24 * HOUR_MS,
    min: MINUTE_MS,
    max: 3650 * 24 * HOUR_MS,
    help: 'How old windows are that are looked at then; older ones only when asked for.',
  }),
};
