import { silentLog } from '@millrace/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSampleHeads, type SampleHeads } from './sample-heads.ts';
import type { Session } from '../connection/session.ts';

describe('the vacuum of heads', () => {
  let nowUs: number;
  let bytes: number;
  /** Partitions whose vacuum goes on. */
  let going: string[];
  let end: () => void;
  let heads: SampleHeads;

  beforeEach(() => {
    [nowUs, bytes, going] = [1_000_000, 1, []];
    const session: Session = {
      run: async () => ({ rows: [{ bytes }] as never[], count: 1 }),
      runPlannedAnew: async () => ({ rows: [], count: 0 }),
      command: (sql) => {
        going.push(sql.split('_').at(-1)!);
        return new Promise((resolve) => (end = resolve));
      },
      copy: async () => undefined,
    };
    heads = createSampleHeads({
      pool: { use: (_what, work) => work(session), close: async () => undefined },
      clock: { nowUs: () => nowUs, sleep: () => Promise.reject(new Error('no')) },
      log: silentLog,
    });
  });
  const asked = async (...partitions: number[]): Promise<string[]> => {
    for (const partition of partitions) heads.vacuum(partition);
    await new Promise(setImmediate);
    return going;
  };
  const ended = async (tookUs: number): Promise<string[]> => {
    nowUs += tookUs;
    going.pop();
    end();
    await new Promise(setImmediate);
    return going;
  };

  it('goes from one to the other, as often as they ask', async () => {
    expect(await asked(1, 2, 1, 3)).toEqual(['1']);
    // The first one asked again while it was on.
    expect(await ended(10)).toEqual(['2']);
    expect(await ended(10)).toEqual(['1']);
    expect(await ended(10)).toEqual(['3']);
    expect(await ended(10)).toEqual([]);
    expect(await asked(2)).toEqual(['2']);
    await ended(10);
    await heads.close();
  });

  it('rests when it is in vain, because somebody reads an old snapshot', async () => {
    bytes = 200 * 1024 * 1024;
    expect(await asked(1, 2)).toEqual(['1']);
    expect(await ended(100)).toEqual([]);
    nowUs += 299;
    expect(await asked(3)).toEqual([]);
    nowUs += 1;
    expect(await asked(3)).toEqual(['2']);
    expect(await ended(100)).toEqual([]);
    // A clock that is set back.
    nowUs -= 3_600_000_000;
    expect(await asked(3)).toEqual(['3']);
    await ended(100);
    await heads.close();
  });
});
