import type { Piece } from '@millrace/model';
import { expect, it } from 'vitest';
import type { DiffParams } from '../edition-store.ts';
import {
  at,
  beginCandidate,
  HOUR_US,
  MINUTE_US,
  windowOf,
  type EditionSubject,
} from './edition-scene.ts';
import { definitionOf } from './entries.ts';

/** How two editions differ. */
export function describeDiff(subject: () => EditionSubject): void {
  const diff = (more: Partial<DiffParams> = {}) =>
    subject().editions.diff({
      ...{ before: 7, after: 41, fromUs: at(-2 * HOUR_US), untilUs: at(HOUR_US) },
      ...{ changesMax: 10, ...more },
    });

  it('tells what was added, removed and changed, and what changed most', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    const names = ['a', 'b', 'c', 'd', 'e'];
    await scene.put(0, {
      definitions: names.map((instance) => definitionOf('m', { instance })),
      finals: [
        // Equal, whatever its value; in the other edition it comes in two pieces.
        windowOf(7, -HOUR_US, { sum: NaN, count: 3 }),
        windowOf(7, -HOUR_US, { instance: 'b', sum: 4, min: 1 }),
        windowOf(7, -HOUR_US + 5 * MINUTE_US, { instance: 'b', sum: 1 }),
        windowOf(7, -HOUR_US, { instance: 'c', sum: 1, min: -5 }),
        windowOf(7, -HOUR_US, { instance: 'd', sum: 1 }),
      ],
    });
    await scene.put(
      0,
      {
        finals: [
          windowOf(41, -HOUR_US, { sum: 1, count: 2 }),
          windowOf(41, -HOUR_US, { sum: NaN, count: 1, piece: 77 }),
          windowOf(41, -HOUR_US, { instance: 'b', sum: 5, min: 1 }),
          windowOf(41, -HOUR_US + 5 * MINUTE_US, { instance: 'b', sum: 1 }),
          windowOf(41, -HOUR_US, { instance: 'c', sum: 1, min: 5 }),
          windowOf(41, -HOUR_US, { instance: 'e', sum: 1 }),
        ],
      },
      'job-40',
    );
    await scene.endJobs(40, { 41: [-2 * HOUR_US] });
    const found = await diff();
    expect(found).toMatchObject({
      windows: { added: 1, removed: 1, changed: 2, equal: 2 },
      series: { added: 1, removed: 1, changed: 2, equal: 1 },
      leftOut: { incomplete: 0, partial: 0 },
      before: { rows: 5, series: 4 },
      after: { rows: 6, series: 4 },
    });
    const change = { tenant: 'acme', metric: 'm', widthUs: 5 * MINUTE_US, startUs: at(-HOUR_US) };
    const b = { ...change, labels: { instance: 'b' }, before: 4, after: 5 };
    expect(found.changes).toEqual([
      { ...change, labels: { instance: 'c' }, column: 'min', before: -5, after: 5, relative: 2 },
      { ...b, column: 'avg', relative: 0.2 },
      { ...b, column: 'sum', relative: 0.2 },
    ]);
    expect((await diff({ changesMax: 1 })).changes).toHaveLength(1);
    expect((await diff({ untilUs: at(-HOUR_US) })).windows).toMatchObject({ equal: 0, changed: 0 });
  });

  it('takes sums that differ by rounding for the same, and floats of any size', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    // What it is of, before and after, how much it changed; undefined: it is the same.
    const cases: [Partial<Piece>, Partial<Piece>, number | undefined][] = [
      [{ sum: 0.1 + 0.2 + 0.3 }, { sum: 0.3 + 0.2 + 0.1 }, undefined],
      [{ sum: 1 }, { sum: 1 + 1e-9 }, 1e-9],
      // Next to nothing is left of what was added up.
      [
        { sum: 1e-15, min: -5, max: 5, count: 9 },
        { sum: 3e-15, min: -5, max: 5, count: 9 },
        undefined,
      ],
      [{ sum: 1e-15 }, { sum: 3e-15 }, 2 / 3],
      [{ increase: 0.1 + 0.2 }, { increase: 0.3 }, undefined],
      [{ increase: 3 }, { increase: 4 }, 0.25],
      [{ sum: -0 }, { sum: 0 }, undefined],
      [{ min: 5e-324 }, { min: 0 }, 1],
      [{ max: 1.7e308 }, { max: -1.7e308 }, 2],
      [{ max: 1.7e308 }, { max: -5e-324 }, 1],
      [{ sum: 1.7e308 }, { sum: -1.7e308 }, 2],
      [{ sum: Infinity }, { sum: 1 }, 1],
      [{ sum: NaN }, { sum: NaN }, undefined],
    ];
    const instanceOf = (i: number): string => `case-${i}`;
    const definitions = cases.map((_, i) => definitionOf('m', { instance: instanceOf(i) }));
    const finals = (edition: number, side: 0 | 1): Piece[] =>
      cases.map((one, i) => {
        const more = { sum: undefined, ...one[side] } as Partial<Piece>;
        return windowOf(edition, -HOUR_US, { ...more, instance: instanceOf(i) });
      });
    await scene.put(0, { definitions, finals: finals(7, 0) });
    await scene.put(0, { finals: finals(41, 1) }, 'job-40');
    await scene.endJobs(40, { 41: [-2 * HOUR_US] });
    const { windows, changes } = await diff({ changesMax: 100 });
    const changed = cases.flatMap(([, , relative], i) => {
      return relative === undefined ? [] : [{ name: instanceOf(i), relative }];
    });
    const most = new Map<string, number>();
    for (const { labels, relative } of changes) {
      const { instance = '' } = labels;
      most.set(instance, Math.max(most.get(instance) ?? 0, relative));
    }
    expect([...most.keys()].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      changed.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1)),
    );
    expect(windows).toMatchObject({ changed: changed.length, added: 0, removed: 0 });
    for (const { name, relative } of changed) {
      expect(most.get(name), name).toBeCloseTo(relative, 15);
    }
  });

  it('leaves out what still grows, and what is not whole in one of them', async () => {
    await beginCandidate(subject());
    const { scene } = subject();
    const all = [-2 * HOUR_US, -HOUR_US, HOUR_US - 5 * MINUTE_US, HOUR_US];
    await scene.put(0, { finals: all.map((start) => windowOf(7, start, { sum: 1 })) });
    const later = all.slice(1).map((start) => windowOf(41, start, { sum: 1 }));
    await scene.put(0, { finals: later }, 'job-40');
    await scene.endJobs(40, { 41: [-HOUR_US] });
    expect(await diff({ untilUs: at(2 * HOUR_US) })).toMatchObject({
      windows: { added: 0, removed: 0, changed: 0, equal: 2 },
      leftOut: { incomplete: 1, partial: 1 },
      changes: [],
    });
  });

  it('refuses editions that there are not', async () => {
    await beginCandidate(subject());
    await expect(diff({ after: 99 })).rejects.toMatchObject({ code: 'EDITION_UNKNOWN' });
  });
}
