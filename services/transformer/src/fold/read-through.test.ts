import { MillraceError } from '@millrace/runtime';
import { SampleKind } from '@millrace/model';
import { describe, expect, it } from 'vitest';
import { dataRecord, type TestSample } from '../testing/data-record.ts';
import { logStart, runFold, type LoggedRecord } from '../testing/fold-run.ts';
import { VARIED_RULES } from '../testing/varied-log.ts';
import { loadPages } from './partition-state.ts';
import { readThrough } from './read-through.ts';

const T0 = 1_700_000_000_000_000;
const SERIES = 300;
/** So that each table has several parts, the last of them not full. */
const PART_PAGES = 2;

describe('reading a state through', () => {
  const pages = savedState();

  it('tells what loading tells', () => {
    const { head, tables } = loadPages(pages);
    for (const partPages of [1, PART_PAGES, 256]) {
      expect(readThrough(pages, partPages)).toEqual({
        head,
        stateVersion: 3,
        foldVersion: tables!.barrier.foldVersion,
      });
    }
  });

  it('covers tables of several parts', () => {
    const prefixes = [...pages.keys()].map((key) => key.replace(/\d+$/, ''));
    for (const prefix of ['s', 'd', 'l', 'p']) {
      expect(prefixes.filter((one) => one === prefix).length, prefix).toBeGreaterThan(PART_PAGES);
    }
  });

  it('throws for each page that is missing, cut off or changed, what loading throws', () => {
    const spoiled = [undefined, cutOff, withByteOf(0xc1), withByteOf(0x00)];
    let refused = 0;
    for (const key of pages.keys()) {
      for (const spoil of spoiled) {
        const bad = new Map(pages);
        if (spoil === undefined) bad.delete(key);
        else bad.set(key, spoil(pages.get(key)!));
        const expected = outcomeOf(() => loadPages(bad));
        expect(
          outcomeOf(() => readThrough(bad, PART_PAGES)),
          key,
        ).toBe(expected);
        if (expected !== 'read') refused += 1;
      }
    }
    // Without a page, or with one cut off, at least.
    expect(refused).toBeGreaterThanOrEqual(2 * pages.size);
  });
});

function savedState(): ReadonlyMap<string, Uint8Array> {
  const log: LoggedRecord[] = logStart(VARIED_RULES);
  for (let step = 0; step < 3; step += 1) {
    const receivedAtUs = T0 + step * 20_000_000;
    const samples = Array.from({ length: SERIES }, (_, i): TestSample => {
      const labels = { __name__: `m${i % 3}`, job: `j${i % 70}`, instance: `i${i}` };
      const kind = i % 3 === 1 ? SampleKind.cumulative : SampleKind.gauge;
      return { labels, timeUs: receivedAtUs + (i % 2) * step, value: i * step, kind };
    });
    const identity = { kind: 'key', key: `${step}` } as const;
    const record = dataRecord({ samples, receivedAtUs, sequence: step, identity });
    log.push({ record, appendTimeUs: receivedAtUs });
  }
  const last = log.length - 1;
  return runFold(log, { restartAfter: (offset) => offset === last }).saved;
}

function cutOff(page: Uint8Array): Uint8Array {
  return page.subarray(0, page.length - 1);
}

function withByteOf(byte: number): (page: Uint8Array) => Uint8Array {
  return (page) => page.with(Math.floor(page.length / 2), byte);
}

function outcomeOf(read: () => unknown): string {
  try {
    read();
    return 'read';
  } catch (error) {
    return error instanceof MillraceError ? `${error.code}: ${error.message}` : String(error);
  }
}
