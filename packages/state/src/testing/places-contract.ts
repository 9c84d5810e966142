import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatePlaces } from '../state-places.ts';

/** Where places are opened on, empty at first. */
export interface PlacesHarness {
  open(): StatePlaces;
  dispose(): Promise<void>;
}

const LOG = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

/** What every adapter that has places must do. */
export function describeStatePlaces(name: string, create: () => Promise<PlacesHarness>): void {
  describe(`${name} as places of states`, () => {
    let harness: PlacesHarness;
    let places: StatePlaces;
    beforeEach(async () => {
      harness = await create();
      places = harness.open();
    });
    afterEach(async () => {
      await places.close();
      await harness.dispose();
    });
    const put = async (place: number, partition: number, position: number): Promise<void> => {
      const pages = new Map([['header', Uint8Array.of(place, partition)]]);
      const commit = { partition, expected: undefined, next: { logId: LOG, position }, pages };
      expect(await (await places.at(place)).commit(commit)).toBe('committed');
    };
    const positionOf = async (place: number, partition: number): Promise<number | undefined> =>
      (await (await places.at(place)).readPosition(partition))?.position;

    it('keeps the states of places apart, also when they are opened again', async () => {
      await put(1_700_000_000_123, 0, 7);
      await put(1_700_000_000_124, 0, 8);
      await places.close();
      places = harness.open();
      expect(await positionOf(1_700_000_000_123, 0)).toBe(7);
      expect(await positionOf(1_700_000_000_124, 0)).toBe(8);
      expect(await positionOf(1_700_000_000_125, 0)).toBeUndefined();
      const state = await (await places.at(1_700_000_000_124)).load(0);
      expect(state?.pages.size).toBe(1);
    });

    it('keeps a position beyond every record', async () => {
      await put(1, 3, Number.MAX_SAFE_INTEGER);
      expect(await positionOf(1, 3)).toBe(Number.MAX_SAFE_INTEGER);
    });

    it('gives the same store as long as it is open', async () => {
      expect(await places.at(5)).toBe(await places.at(5));
    });

    it('forgets a place, and no other', async () => {
      await put(1, 0, 7);
      await put(2, 0, 9);
      await places.remove(1, [0]);
      await places.remove(1, [0]);
      await places.remove(3, [0]);
      expect(await positionOf(1, 0)).toBeUndefined();
      expect(await positionOf(2, 0)).toBe(9);
    });
  });
}
