import type { Address } from '@millrace/model';
import type { SeriesRecordHeader } from '@millrace/wire';
import { describe, expect, it } from 'vitest';
import { Cursors } from './cursors.ts';

const LOG = 'ab'.repeat(16);
const at = (offset: number, ordinal = 0): Address => ({ offset, ordinal });
const header = (
  from: Address,
  to: Address,
  changes: Partial<SeriesRecordHeader> = {},
): SeriesRecordHeader => ({
  logId: LOG,
  logNumber: 2,
  source: 'live',
  foldVersion: 1,
  from,
  to,
  ...changes,
});
const cursors = (): Cursors =>
  new Cursors(0, new Map([['live', { logId: LOG, logNumber: 2, mark: at(5, 3) }]]));

describe('Cursors', () => {
  it.each([
    [at(0), at(5, 3), 'below'],
    [at(5, 3), at(5, 3), 'below'],
    [at(5), at(5, 4), 'covers'],
    [at(5, 3), at(6), 'covers'],
    [at(5, 4), at(6), 'gap'],
    [at(6), at(7), 'gap'],
  ])('calls a record from %o to %o %s', (from, to, verdict) => {
    expect(cursors().verdict(header(from, to), 0)).toBe(verdict);
  });

  it('moves only the source that was taken', () => {
    const both = cursors();
    const first = header(at(5), at(9));
    both.advance(both.at(first), at(9));
    expect(both.verdict(header(at(5), at(9)), 0)).toBe('below');
    expect(both.verdict(header(at(9), at(10)), 0)).toBe('covers');
    expect(both.verdict(header(at(0), at(1), { source: 'job' }), 0)).toBe('covers');
  });

  it('passes over whatever comes of a job that is closed, and takes it of another log', () => {
    const key = { logId: LOG, logNumber: 2 };
    const closed = new Cursors(0, new Map([['job', { ...key, mark: at(4), isClosed: true }]]));
    for (const [from, to] of [
      [at(0), at(5)],
      [at(4), at(9)],
      [at(7), at(9)],
    ] as const) {
      expect(closed.verdict(header(from, to, { source: 'job' }), 0)).toBe('below');
    }
    const other = { source: 'job', logId: 'cd'.repeat(16), logNumber: 3 };
    expect(closed.verdict(header(at(0), at(1), other), 0)).toBe('covers');
  });

  it('expects a new log, and a source that is new, from their beginnings', () => {
    const newer = { logId: 'cd'.repeat(16), logNumber: 3 };
    expect(cursors().at(header(at(0), at(1), newer))).toMatchObject({
      next: at(0),
      hasMark: false,
      key: { ...newer, partition: 0, source: 'live' },
    });
    expect(cursors().verdict(header(at(1), at(2), newer), 0)).toBe('gap');
    expect(cursors().verdict(header(at(1), at(2), { source: 'job' }), 0)).toBe('gap');
  });

  it('passes over what comes before what continues a source, of that source alone', () => {
    const some = cursors();
    const gap = header(at(8), at(9));
    some.continuesAt(some.at(gap), 30);
    expect(some.verdict(gap, 20)).toBe('below');
    expect(some.verdict(header(at(5, 3), at(7)), 30)).toBe('covers');
    expect(some.verdict(header(at(0), at(1), { source: 'job' }), 20)).toBe('covers');
    const other = { logId: 'cd'.repeat(16), logNumber: 3 };
    expect(some.verdict(header(at(0), at(1), other), 20)).toBe('covers');
  });

  it('leaves it to the store to refuse another log, whatever its number', () => {
    for (const logNumber of [1, 2, 3]) {
      const other = header(at(0), at(1), { logId: 'cd'.repeat(16), logNumber });
      expect(cursors().at(other)).toMatchObject({ hasMark: false });
      expect(cursors().verdict(other, 0)).toBe('covers');
    }
  });

  it('refuses another number for a log that the store knows', () => {
    const renumbered = header(at(5), at(9), { logNumber: 1 });
    expect(() => cursors().verdict(renumbered, 0)).toThrow(
      expect.objectContaining({ code: 'WRITER_LOG_NUMBER', kind: 'permanent' }),
    );
  });

  it('has a mark to compare once the first batch has opened it', () => {
    const fresh = new Cursors(0, new Map());
    const first = fresh.at(header(at(0), at(1)));
    expect(first.hasMark).toBe(false);
    fresh.advance(first, at(1));
    expect(fresh.at(header(at(1), at(2))).hasMark).toBe(true);
  });
});
