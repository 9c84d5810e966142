import { expect, test } from 'vitest';
import { countReleasable, type ClosedSegment } from './retention.ts';

const hourUs = 3_600_000_000;
/** Ten offsets and 100 bytes each, closed at hours 1, 2, 3, 4. */
const closed: ClosedSegment[] = [1, 2, 3, 4].map((hour) => ({
  base: (hour - 1) * 10,
  end: hour * 10,
  bytes: 100,
  closedAtUs: hour * hourUs,
}));
const count = (position: number, hours: number, retentionBytes = 0): number =>
  countReleasable({
    closed,
    position,
    nowUs: hours * hourUs,
    partitionBytes: 450,
    settings: { retentionMs: 3_600_000, retentionBytes },
  });

test('only what is below the position and past the retention goes', () => {
  expect(count(100, 1.9)).toBe(0);
  expect(count(100, 2)).toBe(1);
  expect(count(100, 100)).toBe(4);
  expect(count(0, 100)).toBe(0);
  expect(count(19, 100)).toBe(1);
  expect(count(20, 100)).toBe(2);
});

test('beyond its bytes a partition forgets before the time, down to the bound', () => {
  expect(count(100, 0, 450)).toBe(0);
  expect(count(100, 0, 449)).toBe(1);
  expect(count(100, 0, 200)).toBe(3);
  expect(count(15, 0, 1)).toBe(1);
});

test('an old segment behind a young one stays: what is held has no holes', () => {
  const stepped = closed.map((segment, i) =>
    i === 1 ? { ...segment, closedAtUs: 90 * hourUs } : segment,
  );
  const settings = { retentionMs: 3_600_000, retentionBytes: 0 };
  const params = { closed: stepped, position: 100, nowUs: 50 * hourUs, partitionBytes: 450 };
  expect(countReleasable({ ...params, settings })).toBe(1);
});
