import { expect, it } from 'vitest';
import type { StoreBatch } from '../../store.ts';
import { ScratchPool } from './scratch.ts';

const batchOf = (...counts: number[]): StoreBatch =>
  ({ chunks: counts.map((count) => ({ samples: { count } })) }) as unknown as StoreBatch;

const usual = batchOf(300_000);
const large = batchOf(200_000, 100_001);

it('is used again by batches of about the same size, and by no two at a time', () => {
  const pool = new ScratchPool();
  const [first, second, third] = [pool.take(usual), pool.take(usual), pool.take(large)];
  expect(new Set([first.buffers, second.buffers, third.buffers]).size).toBe(3);
  for (const one of [first, third]) one.giveBack();
  expect(pool.take(large).buffers).toBe(third.buffers);
  expect(pool.take(usual).buffers).toBe(first.buffers);
  expect(pool.take(usual).buffers).not.toBe(second.buffers);
});

it('has as many rooms as batches that packed at the same time', () => {
  const pool = new ScratchPool();
  const rooms = Array.from({ length: 5 }, (_, i) => {
    const scratch = pool.take(i % 2 === 0 ? usual : large);
    const room = scratch.room();
    expect(scratch.room()).toBe(room);
    scratch.giveBack();
    return room;
  });
  expect(new Set(rooms).size).toBe(1);
  const [one, other] = [pool.take(usual), pool.take(usual)];
  expect(one.room()).not.toBe(other.room());
});

it('takes the largest room, and keeps one large one of those that packed at the same time', () => {
  const pool = new ScratchPool();
  const scratches = [400_000, 1000, 500_000, 600_000].map((rows) => {
    const scratch = pool.take(large);
    scratch.room().of(rows);
    return scratch;
  });
  for (const scratch of scratches) scratch.giveBack();
  const sizes = scratches.map(() => pool.take(large).room().rowsMax);
  expect(sizes).toEqual([750_000, 1250, 0, 0]);
});

it('lets go of what large batches had once none came for many turns', () => {
  const pool = new ScratchPool();
  const before = pool.take(large);
  const room = before.room();
  before.giveBack();
  const turn = (): void => pool.take(usual).giveBack();
  for (let i = 0; i < 63; i += 1) turn();
  const again = pool.take(large);
  expect(again.buffers).toBe(before.buffers);
  expect(again.room()).toBe(room);
  again.giveBack();
  for (let i = 0; i < 64; i += 1) turn();
  const anew = pool.take(large);
  expect(anew.buffers).not.toBe(before.buffers);
  expect(anew.room()).not.toBe(room);
});
