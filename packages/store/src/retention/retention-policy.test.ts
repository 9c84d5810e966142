import { describe, expect, test } from 'vitest';
import {
  namedTenants,
  rawKeptMs,
  RETENTION_DEFAULTS,
  windowsKeptMs,
  type RetentionPolicy,
} from './retention-policy.ts';

const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
const policy: RetentionPolicy = {
  defaults: { ...RETENTION_DEFAULTS, rawMs: 7, narrowWindowsMs: 30, wideWindowsMs: 730 },
  words: [
    {
      rules: [{ rule: 'r', kept: { allMs: 60, byWidth: [{ widthUs: MINUTE_US, keepMs: 5 }] } }],
      tenants: [
        { tenant: 'gold', rawMs: 90, narrowMs: 91, rules: [] },
        { tenant: 'free', rules: [{ rule: 'r', kept: { allMs: 1, byWidth: [] } }] },
      ],
    },
  ],
};
const kept = (rule: string, widthUs: number, whose: string | undefined): number =>
  windowsKeptMs(policy, { rule, widthUs, whose });

describe('how long rows are kept', () => {
  test('says the tenant about the rule, else the rule, else the tenant, else the settings', () => {
    expect(kept('r', MINUTE_US, 'free')).toBe(1);
    expect(kept('r', HOUR_US, 'free')).toBe(1);
    expect(kept('r', MINUTE_US, 'gold')).toBe(5);
    expect(kept('r', HOUR_US, undefined)).toBe(60);
    expect(kept('other', MINUTE_US, 'gold')).toBe(91);
    expect(kept('other', HOUR_US, 'gold')).toBe(730);
    expect(kept('other', MINUTE_US, 'free')).toBe(30);
    expect([rawKeptMs(policy, 'gold'), rawKeptMs(policy, 'free')]).toEqual([90, 7]);
    expect(namedTenants(policy)).toEqual(['free', 'gold']);
  });

  test('is the longest of what the rules in force say and those kept beside', () => {
    const silent = { rules: [], tenants: [] };
    const both = { ...policy, words: [...policy.words, silent] };
    expect(windowsKeptMs(both, { rule: 'r', widthUs: MINUTE_US, whose: undefined })).toBe(30);
    expect(rawKeptMs(both, 'gold')).toBe(90);
    expect(rawKeptMs({ ...policy, words: [] }, 'gold')).toBe(7);
  });
});
