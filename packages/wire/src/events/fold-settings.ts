import { corruptRecord } from '../fields/columns.ts';
import type { FoldSettings } from './events-record.ts';

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const HOUR_US = 60 * MINUTE_US;

/** What the first barrier of a log brings when nothing else is asked for. */
export const DEFAULT_FOLD_SETTINGS: FoldSettings = {
  latenessUs: MINUTE_US,
  retainUs: 10 * MINUTE_US,
  rememberedTimesMax: 16,
  gapsMax: 16,
  seriesMax: 2_000_000,
  definitionsMax: 4_000_000,
  labelSetsMax: 4_000_000,
  metadataMax: 100_000,
  seriesIdleUs: 24 * HOUR_US,
  identityHorizonUs: 6 * HOUR_US,
  identitiesMax: 1_000_000,
  piecesMax: 4_000_000,
  pieceInputsMax: 10_000,
  publishUs: SECOND_US,
  rollupPublishUs: 5 * MINUTE_US,
  futureSkewUs: 5 * MINUTE_US,
  appendCapUs: 5 * MINUTE_US,
};

/** Settings as logs and states have them, with what was not told apart in older ones. */
export function completeSettings(
  settings: Omit<FoldSettings, 'labelSetsMax'> & Partial<FoldSettings>,
): FoldSettings {
  const { labelSetsMax = settings.definitionsMax } = settings;
  return { ...settings, labelSetsMax };
}

/** Settings that a record carries: which of them there must be is known where they are used. */
export function settingsField(value: unknown): FoldSettings {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap && Object.values(value).every((one) => typeof one === 'number')) {
    // Where even that is missing there is nothing to complete.
    return 'definitionsMax' in value
      ? completeSettings(value as FoldSettings)
      : (value as FoldSettings);
  }
  throw corruptRecord('its settings are not numbers by name');
}
