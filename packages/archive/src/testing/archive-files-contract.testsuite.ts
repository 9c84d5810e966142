import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveFiles, ListedFile } from '../archive-files.ts';

export interface FilesSubject {
  files: ArchiveFiles;
  dispose(): Promise<void>;
}

/** What every place for an archive does. */
export function testArchiveFiles(name: string, open: () => Promise<FilesSubject>): void {
  describe(`files of an archive: ${name}`, () => {
    let subject: FilesSubject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());
    const list = async (prefix: string, after?: string): Promise<ListedFile[]> => {
      const found: ListedFile[] = [];
      const params = { prefix, ...(after === undefined ? {} : { after }) };
      for await (const file of subject.files.list(params)) found.push(file);
      return found;
    };
    const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
    const contents = async (file: string): Promise<number[] | undefined> => {
      const got = await subject.files.get(file);
      return got && [...got];
    };

    it('removes nothing that was put there', async () => {
      const { files } = subject;
      await files.put('topic/00000/a.json', bytes(3, 1));
      expect(await files.removeUnfinished()).toBe(0);
      expect(await contents('topic/00000/a.json')).toEqual([1, 1, 1]);
    });

    it('gives back what was put there, and the newest of a name', async () => {
      const { files } = subject;
      expect(await contents('topic/00000/a.json')).toBeUndefined();
      await files.put('topic/00000/a.json', bytes(3, 1));
      await files.put('topic/00000/empty', bytes(0, 0));
      expect(await contents('topic/00000/a.json')).toEqual([1, 1, 1]);
      expect(await contents('topic/00000/empty')).toEqual([]);
      await files.put('topic/00000/a.json', bytes(2, 7));
      expect(await contents('topic/00000/a.json')).toEqual([7, 7]);
      const large = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 31);
      await files.put('topic/large', large);
      expect(Buffer.from((await files.get('topic/large'))!).equals(large)).toBe(true);
    });

    it('creates what is not there, and leaves alone what is', async () => {
      const { files } = subject;
      await files.create('topic/name.json', bytes(3, 1));
      await files.create('topic/name.json', bytes(2, 7));
      expect(await contents('topic/name.json')).toEqual([1, 1, 1]);
      expect((await list('topic/')).map(({ name: one }) => one)).toEqual(['topic/name.json']);
      await files.put('topic/other.json', bytes(3, 1));
      await files.create('topic/other.json', bytes(2, 7));
      expect(await contents('topic/other.json')).toEqual([1, 1, 1]);
    });

    it('lists by name what lies in a folder, from behind one on', async () => {
      const { files } = subject;
      expect(await list('none/')).toEqual([]);
      for (const name of ['a/2', 'a/1', 'a/3', 'b/1']) await files.put(name, bytes(5, 1));
      const all = ['a/1', 'a/2', 'a/3'].map((one) => ({ name: one, bytes: 5 }));
      expect(await list('a/')).toEqual(all);
      expect(await list('a/', 'a/1')).toEqual(all.slice(1));
      expect(await list('a/', 'a/15')).toEqual(all.slice(1));
      expect(await list('a/', 'a/3')).toEqual([]);
    });

    it('lists more than one page', async () => {
      const names = Array.from({ length: 20 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
      for (const one of names) await subject.files.put(one, bytes(1, 1));
      expect((await list('many/')).map(({ name: one }) => one)).toEqual(names);
      expect(await list('many/', names[3]!)).toHaveLength(16);
    });

    it('tells the folders of a folder', async () => {
      const { files } = subject;
      for (const name of ['t/p/x/1', 't/p/x/2', 't/p/y/z/1', 't/p/file']) {
        await files.put(name, bytes(1, 1));
      }
      expect(await files.folders('t/p/')).toEqual(['x', 'y']);
      expect(await files.folders('t/none/')).toEqual([]);
    });

    it('does nothing any more when it was given up', async () => {
      const { files } = subject;
      const signal = AbortSignal.abort(new Error('given up'));
      await expect(files.put('x/1', bytes(1, 1), signal)).rejects.toThrow('given up');
      await expect(files.get('x/1', signal)).rejects.toThrow('given up');
      expect(await files.get('x/1')).toBeUndefined();
    });
  });
}
