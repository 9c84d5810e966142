import { expect, it } from 'vitest';
import {
  at,
  beginCandidate,
  HOUR_US,
  MINUTE_US,
  servedOf,
  windowOf,
  type EditionSubject,
} from './edition-scene.ts';

const FROM_US = -2 * HOUR_US;

/** Editions that nobody wants any more. */
export function describeDrop(subject: () => EditionSubject): void {
  const rowsOf = async (edition: number): Promise<number> => {
    const list = await subject().editions.list({ withSizes: true });
    return list.editions.find((one) => one.edition === edition)!.size!.rows;
  };
  const starts = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => from + i * 5 * MINUTE_US);

  it('deletes all windows of a candidate, and those that come later', async () => {
    await beginCandidate(subject());
    const { editions, scene, store, upkeep } = subject();
    const finals = starts(FROM_US, 20).map((start) => windowOf(41, start));
    const others = starts(FROM_US, 20).map((start) => windowOf(7, start));
    await scene.put(0, { finals: others, open: [windowOf(41, 0)] });
    await scene.put(0, { finals }, 'job-40');
    const told: number[] = [];
    const onProgress = ({ rows }: { rows: number }): number => told.push(rows);
    expect(await editions.drop({ editions: [41], onProgress })).toEqual({ rows: 21 });
    expect(told.at(-1)).toBe(21);
    expect([await rowsOf(41), await rowsOf(7)]).toEqual([0, 20]);
    expect((await editions.list()).editions.at(-1)).toMatchObject({ isDropped: true });
    await scene.put(0, { finals: [windowOf(41, 0)], open: [windowOf(41, HOUR_US)] });
    // They are not even stored: once all is freed, nobody looks for them any more.
    expect([await rowsOf(41), await rowsOf(7)]).toEqual([0, 20]);
    // Nor are very many of them.
    const many = Array.from({ length: 5_100 }, (_, piece) => ({ ...windowOf(41, 0), piece }));
    await scene.put(0, { open: [...many, windowOf(7, 0)] });
    expect([await rowsOf(41), await rowsOf(7)]).toEqual([0, 21]);
    await upkeep();
    expect([await rowsOf(41), await rowsOf(7)]).toEqual([0, 21]);
    // Whatever its jobs still put out is passed over.
    for (const partition of [0, 1]) {
      expect((await store.marks(partition)).get('job-40')).toMatchObject({ isClosed: true });
    }
    expect(await editions.drop({ editions: [41] })).toEqual({ rows: 0 });
  });

  it('leaves windows that are served, and what comes of them', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    await scene.put(0, {
      finals: starts(FROM_US - 10 * MINUTE_US, 20).map((start) => windowOf(7, start)),
    });
    await editions.promote({ version: 50, editions: [41], fromUs: undefined });
    expect(await editions.drop({ editions: [7] })).toEqual({ rows: 18 });
    expect(await rowsOf(7)).toBe(2);
    const late = { ...windowOf(7, FROM_US - 5 * MINUTE_US), piece: 77 };
    await scene.put(1, { finals: [late, windowOf(7, FROM_US)] });
    expect(await rowsOf(7)).toBe(3);
    expect(await servedOf(subject(), 'r')).toEqual([
      [7, -Infinity, FROM_US],
      [41, FROM_US, Infinity],
    ]);
    await expect(editions.rollBack({ version: 50 })).rejects.toMatchObject({
      ...{ code: 'EDITION_DROPPED', kind: 'permanent' },
      message: expect.stringContaining('Edition 7 of rule r'),
    });
    expect(await rowsOf(7)).toBe(3);
  });

  it('refuses what is shown, what is not known, and to promote what was dropped', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.endJobs(40, { 41: [FROM_US] });
    await expect(editions.drop({ editions: [41, 7] })).rejects.toMatchObject({
      ...{ code: 'EDITION_SERVED', kind: 'permanent' },
      message: expect.stringContaining('Edition 7 is what is shown of rule r.'),
    });
    await expect(editions.drop({ editions: [99] })).rejects.toMatchObject({
      ...{ code: 'EDITION_UNKNOWN', kind: 'transient' },
    });
    const isDropped = (await editions.list()).editions.map((one) => one.isDropped);
    expect(isDropped).toEqual([false, false, false]);
    // Windows up to a time in the future are still to come of the one that is replaced.
    await editions.promote({ version: 50, editions: [41], fromUs: at(3 * HOUR_US) });
    await expect(editions.drop({ editions: [7] })).rejects.toMatchObject({
      ...{ code: 'EDITION_SERVED', kind: 'transient' },
      message: expect.stringContaining('until 2026-03-01T15:00:00Z'),
      remedy: expect.stringContaining('Wait until'),
    });
    await editions.rollBack({ version: 50 });
    await editions.drop({ editions: [41] });
    const promotion = { version: 51, editions: [41], fromUs: undefined };
    await expect(editions.promote(promotion)).rejects.toMatchObject({ code: 'EDITION_DROPPED' });
  });

  it('stops when it is told to, and goes on when it is asked again', async () => {
    await beginCandidate(subject());
    const { editions, scene } = subject();
    await scene.put(0, { finals: starts(FROM_US, 20).map((start) => windowOf(41, start)) });
    const signal = AbortSignal.abort();
    await expect(editions.drop({ editions: [41], signal })).rejects.toThrow();
    expect(await rowsOf(41)).toBe(20);
    expect(await editions.drop({ editions: [41] })).toEqual({ rows: 20 });
  });
}
