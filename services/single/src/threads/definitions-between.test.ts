import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, it } from 'vitest';
import { DEFINITIONS_BETWEEN_MAX } from './definitions-between.ts';

it('counts on no more label sets than the fold keeps behind a definition', () => {
  // The bound leaves seven eighths, and what was noted half of all ago is not noted again.
  const keptBehind = (7 / 8 - 1 / 2) * DEFAULT_FOLD_SETTINGS.labelSetsMax;
  expect(DEFINITIONS_BETWEEN_MAX).toBeLessThan(keptBehind);
});

it('is more than a partition of a million series has', () => {
  expect(DEFINITIONS_BETWEEN_MAX).toBeGreaterThan(1_000_000 / 4);
});
