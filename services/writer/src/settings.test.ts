import { describe, expect, it } from 'vitest';
import { DEFAULT_WRITER_SETTINGS, writerSettings } from './settings.ts';

describe('writerSettings', () => {
  it('has defaults that fit one another', () => {
    expect(writerSettings()).toEqual(DEFAULT_WRITER_SETTINGS);
  });

  it('takes changes and freezes the result', () => {
    const settings = writerSettings({ batchEntriesMax: 7 });
    expect(settings.batchEntriesMax).toBe(7);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('names the settings that contradict one another', () => {
    expect(() => writerSettings({ retryMsMin: 9000 })).toThrow(/retryMsMin.*retryMsMax/);
  });

  it.each(['batchRecordsMax', 'readBytesMax', 'stopMsMax'])('refuses a %s of nothing', (name) => {
    for (const value of [0, -1, Number.NaN]) {
      expect(() => writerSettings({ [name]: value })).toThrow(name);
    }
  });
});
