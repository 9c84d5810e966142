import { expect, it } from 'vitest';
import { DEFAULT_RECEIVER_SETTINGS, receiverSettings } from './settings.ts';

it('takes the defaults, frozen', () => {
  const settings = receiverSettings();
  expect(settings).toEqual(DEFAULT_RECEIVER_SETTINGS);
  expect(Object.isFrozen(settings)).toBe(true);
});

it('names the settings that contradict one another', () => {
  const { labelLimits } = DEFAULT_RECEIVER_SETTINGS;
  const bad: [changes: Parameters<typeof receiverSettings>[0], named: RegExp][] = [
    [{ partBytesMax: 850_000 }, /partBytesMax/],
    [{ definitionIntervalMs: 3_600_000 }, /definitionIntervalMs/],
    [{ histogramBytesMax: 800_000 }, /histogramBytesMax.*partBytesMax/],
    [{ labelLimits: { ...labelLimits, labelsMax: 255 } }, /labelsMax/],
    [{ waitMsMax: 1 }, /waitMsDefault.*waitMsMax/],
  ];
  for (const [changes, named] of bad) {
    expect(() => receiverSettings(changes)).toThrow(named);
  }
});
