import { HistoryReader, openControl } from '@millrace/control';
import { silentLog, type Clock, type Log } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS } from '@millrace/wire';
import { expect, test } from 'vitest';
import { keepExpiring } from './keep-expiring.ts';

const SOURCE =
  'rules: [{ name: a, match: up, widths: [1m], aggregates: [sum], keep: 9d }]\n' +
  'tenants: [{ name: acme, keep: { raw: 30d } }]';

test('forgets by what the rules in force say, again and again, also after it failed', async () => {
  const over = new AbortController();
  const waits: number[] = [];
  const clock: Clock = { nowUs: () => 0, sleep: async (ms) => void waits.push(ms) };
  const stream = openMemoryStream(new MemoryLog({ partitions: 1, clock }));
  const rules = { version: 1 as const, rules: [] };
  const wanted = { rules, settings: DEFAULT_FOLD_SETTINGS, foldVersion: 1, source: SOURCE };
  await openControl({ stream, clock }, wanted);
  const told: string[] = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => void told.push(message) };
  const words: unknown[] = [];
  const store = {
    expire: async (given: unknown): Promise<void> => {
      words.push(given);
      if (words.length === 1) throw new Error('the store is away');
      if (words.length === 3) over.abort();
    },
  };
  const history = new HistoryReader(stream);
  waits.length = 0;
  await keepExpiring({ store, history, clock, log }, 5000, over.signal);
  const said = {
    rules: [{ rule: 'a', kept: { allMs: 9 * 86_400_000, byWidth: [] } }],
    tenants: [{ tenant: 'acme', rawMs: 30 * 86_400_000, rules: [] }],
  };
  expect(words).toEqual([[said], [said], [said]]);
  expect(waits).toEqual([5000, 5000, 5000]);
  expect(told).toEqual(['What is past its retention stays for now.']);
});
