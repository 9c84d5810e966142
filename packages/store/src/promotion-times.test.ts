import { describe, expect, it } from 'vitest';
import { alignedUs, commonStepUs, earliestUs } from './promotion-times.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;

describe('the time from which an edition can be shown', () => {
  it('is where windows of all widths begin', () => {
    expect(commonStepUs([MINUTE_US, 5 * MINUTE_US, HOUR_US])).toBe(HOUR_US);
    expect(commonStepUs([7 * MINUTE_US, 10 * MINUTE_US])).toBe(70 * MINUTE_US);
    expect(commonStepUs([])).toBe(1_000_000);
    expect(alignedUs(3 * HOUR_US - 1, [MINUTE_US, HOUR_US])).toBe(2 * HOUR_US);
    expect(alignedUs(3 * HOUR_US, [MINUTE_US, HOUR_US])).toBe(3 * HOUR_US);
    expect(alignedUs(-Infinity, [HOUR_US])).toBe(-Infinity);
  });

  it('is not before all its windows are whole, nor cuts one of the edition before', () => {
    const one = { rule: 'r', edition: 1, widthsUs: [MINUTE_US, HOUR_US], widthsBeforeUs: [] };
    const wholeUs = [2 * HOUR_US + 30 * MINUTE_US, 2 * HOUR_US];
    expect(earliestUs({ ...one, wholeUs })).toBe(3 * HOUR_US);
    expect(earliestUs({ ...one, wholeUs, widthsBeforeUs: [2 * HOUR_US] })).toBe(4 * HOUR_US);
    expect(earliestUs({ ...one, wholeUs: [2 * HOUR_US, 2 * HOUR_US] })).toBe(2 * HOUR_US);
    expect(earliestUs({ ...one, wholeUs: [-Infinity, -Infinity] })).toBe(-Infinity);
  });
});
