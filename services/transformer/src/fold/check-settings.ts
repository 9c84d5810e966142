import type { CompiledRules } from '@millrace/rules';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings } from '@millrace/wire';
import { badSettings, settingFixed } from './fold-errors.ts';

/** One bit of 31 tells of each remembered time whether it has a value. */
const REMEMBERED_TIMES_MAX = 31;
const SECOND_US = 1_000_000;

/**
 * Refuses settings that would be folded wrongly without anybody noticing.
 *
 * @throws MillraceError FOLD_SETTINGS
 */
export function checkSettings(settings: FoldSettings, rules: CompiledRules): void {
  for (const name of Object.keys(DEFAULT_FOLD_SETTINGS) as (keyof FoldSettings)[]) {
    const value: unknown = settings[name];
    if (typeof value !== 'number' || !(value >= 0))
      throw badSettings(`${name} is ${String(value)}`);
  }
  const { rememberedTimesMax, publishUs, rollupPublishUs } = settings;
  const isCount = Number.isInteger(rememberedTimesMax) && rememberedTimesMax > 0;
  if (!isCount || rememberedTimesMax > REMEMBERED_TIMES_MAX) {
    throw badSettings(`rememberedTimesMax is ${rememberedTimesMax}`);
  }
  if (publishUs === 0) throw badSettings('publishUs is 0');
  if (rollupPublishUs === 0) throw badSettings('rollupPublishUs is 0');
  for (const { name, widthsUs } of rules.rules) {
    const broken = widthsUs.find((widthUs) => widthUs % SECOND_US !== 0);
    if (broken !== undefined) throw badSettings(`rule ${name} has a width of ${broken} µs`);
  }
}

/** Settings that the tables of a running log are laid out by. */
export const FIXED_SETTINGS: readonly (keyof FoldSettings)[] = ['rememberedTimesMax'];

/**
 * Refuses a change of what cannot change while the state lives.
 *
 * @throws MillraceError FOLD_SETTINGS
 */
export function checkSettingsChange(from: FoldSettings, to: FoldSettings): void {
  for (const name of FIXED_SETTINGS) {
    if (from[name] !== to[name]) throw settingFixed(name, from[name], to[name]);
  }
}
