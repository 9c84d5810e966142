import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  newCommit,
  type CommitRef,
  type StateCommit,
  type StatePositionReader,
  type StateStore,
} from '../state.ts';

/** One database of state, empty at first, that stores are opened on and that can be damaged. */
export interface StateHarness {
  open(): StateStore & StatePositionReader;
  /** Loses the committed position of a partition and keeps its pages. */
  losePosition(partition: number): Promise<void>;
  /** Loses one page and nothing else. */
  losePage(partition: number, key: string): Promise<void>;
  dispose(): Promise<void>;
}

const LOG = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

/** What every adapter of the port must do. */
export function describeStateStore(name: string, create: () => Promise<StateHarness>): void {
  describe(`${name} as a state store`, () => {
    let harness: StateHarness;
    let store: StateStore & StatePositionReader;

    beforeEach(async () => {
      harness = await create();
      store = harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = harness.open();
    };

    it('has nothing of a partition that never had a state', async () => {
      expect(await store.load(0)).toBeUndefined();
      expect(await store.readPosition(0)).toBeUndefined();
    });

    it('keeps a first commit', async () => {
      expect(await store.commit(commitOf({ to: 10, pages: { a: 'one', b: '' } }))).toBe(
        'committed',
      );
      const expected = { ...committedAt(10), pages: pagesOf({ a: 'one', b: '' }) };
      expect(await store.load(0)).toEqual(expected);
      expect(await store.readPosition(0)).toEqual({ logId: LOG, position: 10 });
      await reopen();
      expect(await store.load(0)).toEqual(expected);
    });

    it('changes the named pages only, and removes those that are undefined', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one', b: 'two', c: 'three' } }));
      const pages = { a: undefined, b: 'TWO', d: 'four', none: undefined };
      expect(await store.commit(commitOf({ from: 1, to: 2, pages }))).toBe('committed');
      expect(await store.load(0)).toEqual({
        ...committedAt(2),
        pages: pagesOf({ b: 'TWO', c: 'three', d: 'four' }),
      });
      expect(await store.commit(commitOf({ from: 2, to: 3, pages: {} }))).toBe('committed');
      await reopen();
      expect((await store.load(0))?.pages).toEqual(pagesOf({ b: 'TWO', c: 'three', d: 'four' }));
      expect((await store.load(0))?.position).toBe(3);
    });

    it('removes the last page and still knows its position', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      await store.commit(commitOf({ from: 1, to: 2, pages: { a: undefined } }));
      await reopen();
      expect(await store.load(0)).toEqual({ ...committedAt(2), pages: new Map() });
    });

    it.each([
      ['an older position', { logId: LOG, position: 1 }],
      ['a newer position', { logId: LOG, position: 3 }],
      ['nothing', undefined],
      ['another log', { logId: LOG.replaceAll('a', 'b'), position: 2 }],
    ])('is outrun when %s is expected, and changes nothing', async (_, expected) => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      await store.commit(commitOf({ from: 1, to: 2, pages: { a: 'two' } }));
      const stale = { ...commitOf({ to: 9, pages: { a: 'bad', b: 'bad' } }), expected };
      expect(await store.commit(stale)).toBe('outrun');
      const before = { ...committedAt(2), pages: pagesOf({ a: 'two' }) };
      expect(await store.load(0)).toEqual(before);
      await reopen();
      expect(await store.load(0)).toEqual(before);
    });

    it('is outrun by a state that was put back and came to the same position again', async () => {
      const sleeping = newCommit({ logId: LOG, position: 100 });
      await store.commit({
        ...commitOf({ to: 100, pages: { a: 'one', b: 'two' } }),
        next: sleeping,
      });
      await store.commit(commitOf({ from: 100, to: 40, pages: { b: undefined } }));
      const other = harness.open();
      const found = (await other.load(0))!;
      const again = newCommit({ logId: LOG, position: 100 });
      const folded = { ...commitOf({ to: 100, pages: { c: 'three' } }), next: again };
      expect(await other.commit({ ...folded, expected: found })).toBe('committed');
      const delta = commitOf({ to: 120, pages: { b: 'mixed' } });
      expect(await store.commit({ ...delta, expected: sleeping })).toBe('outrun');
      const after = { ...again, pages: pagesOf({ a: 'one', c: 'three' }) };
      expect(await store.load(0)).toEqual(after);
      // What was loaded before the other one came there is no better.
      expect(await store.commit({ ...delta, expected: found })).toBe('outrun');
      expect(await other.commit({ ...delta, expected: again })).toBe('committed');
      await other.close();
      await reopen();
      expect((await store.load(0))?.pages).toEqual(pagesOf({ a: 'one', b: 'mixed', c: 'three' }));
    });

    it('gives each commit another id, also one that leaves the position as it is', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      const first = (await store.load(0))!;
      expect(await store.commit({ ...commitOf({ to: 1, pages: {} }), expected: first })).toBe(
        'committed',
      );
      expect((await store.load(0))?.commitId).not.toBe(first.commitId);
      const late = { ...commitOf({ to: 2, pages: {} }), expected: first };
      expect(await store.commit(late)).toBe('outrun');
      // As by whoever loaded it before there were ids.
      expect(await store.commit(commitOf({ from: 1, to: 2, pages: {} }))).toBe('committed');
    });

    it('is outrun when a position is expected of a partition that has none', async () => {
      expect(await store.commit(commitOf({ from: 1, to: 2, pages: { a: 'one' } }))).toBe('outrun');
      expect(await store.load(0)).toBeUndefined();
    });

    it('moves to another log in one commit', async () => {
      await store.commit(commitOf({ to: 5, pages: { a: 'one' } }));
      const other = { logId: 'ff'.repeat(16), position: 0 };
      const moved = { ...commitOf({ from: 5, to: 0, pages: { a: undefined } }), next: other };
      expect(await store.commit(moved)).toBe('committed');
      expect(await store.readPosition(0)).toEqual(other);
    });

    it('keeps partitions apart', async () => {
      const partitions = [0, 1, 255, 256, 65_536];
      for (const partition of partitions) {
        const pages = { same: `page of ${partition}` };
        await store.commit({ ...commitOf({ to: partition + 1, pages }), partition });
      }
      await reopen();
      for (const partition of partitions) {
        expect(await store.load(partition)).toEqual({
          ...committedAt(partition + 1),
          pages: pagesOf({ same: `page of ${partition}` }),
        });
      }
      expect(await store.load(2)).toBeUndefined();
    });

    it('lets exactly one of two handles win every race', async () => {
      const other = harness.open();
      let from: number | undefined;
      for (let to = 1; to <= 50; to += 1) {
        const outcomes = await Promise.all([
          store.commit(commitOf({ from, to, pages: { who: 'store', a: `a${to}` } })),
          other.commit(commitOf({ from, to, pages: { who: 'other', b: `b${to}` } })),
        ]);
        expect(outcomes.toSorted()).toEqual(['committed', 'outrun']);
        const [mine, theirs] = [await store.load(0), await other.load(0)];
        expect(mine).toEqual(theirs);
        const winner = outcomes[0] === 'committed' ? 'store' : 'other';
        expect(textOf(mine?.pages.get('who'))).toBe(winner);
        expect(textOf(mine?.pages.get(winner === 'store' ? 'a' : 'b'))).toMatch(`${to}`);
        from = to;
      }
      await other.close();
    });

    it('lets exactly one of two commits of one handle win', async () => {
      const outcomes = await Promise.all([
        store.commit(commitOf({ to: 1, pages: { a: 'first' } })),
        store.commit(commitOf({ to: 2, pages: { b: 'second' } })),
      ]);
      expect(outcomes.toSorted()).toEqual(['committed', 'outrun']);
      expect((await store.load(0))?.pages.size).toBe(1);
    });

    it('outlives a handle that was never closed', async () => {
      const crashed = harness.open();
      await crashed.commit(commitOf({ to: 7, pages: { a: 'one' } }));
      expect((await store.load(0))?.position).toBe(7);
      expect(await store.commit(commitOf({ from: 7, to: 8, pages: { a: 'two' } }))).toBe(
        'committed',
      );
      expect(await crashed.commit(commitOf({ from: 7, to: 8, pages: { a: 'bad' } }))).toBe(
        'outrun',
      );
      await crashed.close();
    });

    it('hands out pages that the caller may change', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      const loaded = await store.load(0);
      loaded?.pages.get('a')?.fill(0);
      expect((await store.load(0))?.pages).toEqual(pagesOf({ a: 'one' }));
    });

    it('keeps page bytes that are a view into a larger buffer', async () => {
      const large = Buffer.from('0123456789');
      const pages = new Map([['view', large.subarray(3, 6)]]);
      expect(await store.commit({ ...commitOf({ to: 1, pages: {} }), pages })).toBe('committed');
      large.fill(0x78);
      expect((await store.load(0))?.pages).toEqual(pagesOf({ view: '345' }));
    });

    it('refuses pages without a position, and never calls them empty', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      await harness.losePosition(0);
      const refusal = { code: 'STATE_CORRUPT', kind: 'permanent' };
      await expect(store.load(0)).rejects.toMatchObject(refusal);
      await expect(store.readPosition(0)).rejects.toMatchObject(refusal);
      await expect(store.commit(commitOf({ to: 1, pages: {} }))).rejects.toMatchObject(refusal);
    });

    it.each([
      ['has no position', (): Promise<void> => harness.losePosition(0)],
      ['lacks a page', (): Promise<void> => harness.losePage(0, 'a')],
    ])('discards a state that %s, as a whole, and nothing else', async (_, damage) => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one', b: 'two' } }));
      await store.commit({ ...commitOf({ to: 4, pages: { a: 'one' } }), partition: 1 });
      await damage();
      await reopen();
      const other = harness.open();
      const outcomes = await Promise.all([store.discardCorrupt(0), other.discardCorrupt(0)]);
      expect(outcomes).toContain(true);
      await other.close();
      expect(await store.load(0)).toBeUndefined();
      expect(await store.readPosition(0)).toBeUndefined();
      expect((await store.load(1))?.position).toBe(4);
      expect(await store.commit(commitOf({ to: 7, pages: { c: 'three' } }))).toBe('committed');
      await reopen();
      const made = { ...committedAt(7), pages: pagesOf({ c: 'three' }) };
      expect(await store.load(0)).toEqual(made);
    });

    it('never discards a state that is sound, or none', async () => {
      expect(await store.discardCorrupt(0)).toBe(false);
      await store.commit(commitOf({ to: 1, pages: { a: 'one' } }));
      expect(await store.discardCorrupt(0)).toBe(false);
      await harness.losePage(0, 'a');
      expect(await store.discardCorrupt(0)).toBe(true);
      await store.commit(commitOf({ to: 2, pages: { a: 'two' } }));
      expect(await store.discardCorrupt(0)).toBe(false);
      expect((await store.load(0))?.pages).toEqual(pagesOf({ a: 'two' }));
    });

    it('refuses a state of which a page is missing', async () => {
      await store.commit(commitOf({ to: 1, pages: { a: 'one', b: 'two' } }));
      await harness.losePage(0, 'a');
      await expect(store.load(0)).rejects.toMatchObject({
        code: 'STATE_CORRUPT',
        kind: 'permanent',
      });
    });

    it('takes any page key up to its bound, and refuses longer and empty ones', async () => {
      const keys = ['\0', 'ä/€/\u{1f600}', 'x'.repeat(256), 'with space', '~'];
      const pages = Object.fromEntries(keys.map((key) => [key, key]));
      await store.commit(commitOf({ to: 1, pages }));
      expect((await store.load(0))?.pages).toEqual(pagesOf(pages));
      for (const key of ['', 'x'.repeat(257), 'ä'.repeat(129)]) {
        const refused = store.commit(commitOf({ from: 1, to: 2, pages: { a: 'bad', [key]: 'x' } }));
        await expect(refused).rejects.toMatchObject({ code: 'STATE_BAD_KEY' });
      }
      expect((await store.load(0))?.pages).toEqual(pagesOf(pages));
    });

    it('commits 10,000 pages of 25 KB at once', async () => {
      const page = (seed: number): Buffer => Buffer.alloc(25_000, `${seed} `);
      const pages = new Map(Array.from({ length: 10_000 }, (_, i) => [`page ${i}`, page(i)]));
      const commit = { ...commitOf({ to: 1, pages: {} }), pages };
      expect(await store.commit(commit)).toBe('committed');
      await reopen();
      const loaded = await store.load(0);
      expect(loaded?.pages.size).toBe(10_000);
      for (const i of [0, 1, 4_999, 9_999]) {
        expect(page(i).equals(loaded?.pages.get(`page ${i}`) ?? Buffer.alloc(0))).toBe(true);
      }
    });

    it('refuses every call after close, and closes twice', async () => {
      await store.close();
      await store.close();
      await expect(store.load(0)).rejects.toMatchObject({ code: 'STATE_CLOSED' });
      await expect(store.discardCorrupt(0)).rejects.toMatchObject({ code: 'STATE_CLOSED' });
      await expect(store.commit(commitOf({ to: 1, pages: {} }))).rejects.toMatchObject({
        code: 'STATE_CLOSED',
      });
    });
  });
}

type Texts = Record<string, string | undefined>;

function commitOf(
  params: Readonly<{ from?: number | undefined; to: number; pages: Texts }>,
): StateCommit {
  const { from, to } = params;
  return {
    partition: 0,
    expected: from === undefined ? undefined : { logId: LOG, position: from },
    next: { logId: LOG, position: to },
    pages: pagesOf(params.pages),
  };
}

/** As an adapter gives it, whose ids are its own. */
function committedAt(position: number): CommitRef {
  return { logId: LOG, position, commitId: expect.any(String) as string };
}

function pagesOf<T extends Texts>(texts: T): Map<string, Uint8Array>;
function pagesOf(texts: Texts): Map<string, Uint8Array | undefined> {
  const bytes = (text: string | undefined): Uint8Array | undefined =>
    text === undefined ? undefined : new Uint8Array(Buffer.from(text));
  return new Map(Object.entries(texts).map(([key, text]) => [key, bytes(text)]));
}

function textOf(page: Uint8Array | undefined): string {
  return Buffer.from(page ?? []).toString('utf8');
}
