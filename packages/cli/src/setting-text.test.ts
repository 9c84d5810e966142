import { readSingleSettings } from '@millrace/single';
import { expect, test } from 'vitest';
import { settingText } from './setting-text.ts';

test.each([
  ['MILLRACE_STORE__RETENTION__WIDE_WINDOWS_MS', 63_072_000_000, '730d'],
  ['MILLRACE_TRANSFORMER__TICK_MS', 1500, '1500'],
  ['MILLRACE_STOP_MS_MAX', 10_000, '10s'],
  ['MILLRACE_LOG__SEGMENT_BYTES', 67_108_864, '64MiB'],
  ['MILLRACE_LOG__RETENTION_BYTES', 0, '0'],
  ['MILLRACE_HTTP__PORT', 9480, '9480'],
  ['MILLRACE_HTTP__PORT', undefined, ''],
  ['MILLRACE_INSECURE', false, 'false'],
])('%s of %s is shown as %s', (variable, value, text) => {
  expect(settingText(variable, value)).toBe(text);
});

test('what is shown can be written into the environment', () => {
  const { effective } = readSingleSettings({});
  const shown = effective.flatMap(({ variable, value }) =>
    typeof value === 'number' ? [[variable, settingText(variable, value)] as const] : [],
  );
  expect(shown.length).toBeGreaterThan(15);
  const again = readSingleSettings(Object.fromEntries(shown));
  expect(again.settings).toEqual(readSingleSettings({}).settings);
});
