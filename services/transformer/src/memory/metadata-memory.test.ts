import { describe, expect, it } from 'vitest';
import { MetadataMemory } from './metadata-memory.ts';

describe('MetadataMemory', () => {
  const metadata = (metric: string, help = ''): Parameters<MetadataMemory['isNews']>[1] => {
    return { metric, type: 'gauge', help, unit: '' };
  };

  it('tells news from repeats for each tenant, also after being loaded again', () => {
    const memory = new MetadataMemory({ metadataMax: 10 });
    expect(memory.isNews('a', metadata('up'))).toBe(true);
    expect(memory.isNews('b', metadata('up'))).toBe(true);
    const pages = new Map<string, Uint8Array | undefined>();
    memory.takePages(pages);
    const loaded = new MetadataMemory({ metadataMax: 10 });
    loaded.load(memory.size, pages as Map<string, Uint8Array>);
    expect(loaded.isNews('a', metadata('up'))).toBe(false);
    expect(loaded.isNews('a', metadata('up', 'other'))).toBe(true);
    expect(loaded.isNews('a', metadata('up'))).toBe(true);
    const unchanged = new Map();
    memory.takePages(unchanged);
    expect(unchanged.size).toBe(0);
  });

  it('forgets all when it is full, and refuses a state that lacks its page', () => {
    const memory = new MetadataMemory({ metadataMax: 2 });
    for (const metric of ['a', 'b', 'c']) expect(memory.isNews('', metadata(metric))).toBe(true);
    expect(memory.size).toBe(1);
    expect(memory.isNews('', metadata('a'))).toBe(true);
    expect(() => memory.load(1, new Map())).toThrow(/page m is missing/);
  });
});
