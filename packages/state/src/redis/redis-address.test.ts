import { describe, expect, it } from 'vitest';
import { checkKeyPrefix, readRedisUrl } from './redis-address.ts';

describe('readRedisUrl', () => {
  it.each([
    ['redis://db', { host: 'db', port: 6379, db: 0 }, 'redis://db:6379'],
    ['redis://db:7000/3', { host: 'db', port: 7000, db: 3 }, 'redis://db:7000/3'],
    ['redis://[::1]:7000/', { host: '::1', port: 7000, db: 0 }, 'redis://[::1]:7000'],
    [
      'redis://me:p%40ss@db',
      { host: 'db', port: 6379, db: 0, username: 'me', password: 'p@ss' },
      'redis://db:6379',
    ],
    ['redis://:pass@db', { host: 'db', port: 6379, db: 0, password: 'pass' }, 'redis://db:6379'],
    ['rediss://db', { host: 'db', port: 6379, db: 0, tls: {} }, 'rediss://db:6379'],
  ])('reads %s', (url, options, text) => {
    expect(readRedisUrl(url)).toEqual({ options, text });
  });

  it.each(['', 'db:6379', 'http://db', 'redis://', 'redis://db/a', 'redis://:secret@db?x=1'])(
    'refuses "%s" without showing it',
    (url) => {
      const read = (): unknown => readRedisUrl(url);
      expect(read).toThrow(expect.objectContaining({ code: 'STATE_BAD_SETTINGS' }));
      expect(read).not.toThrow(/secret/);
    },
  );
});

describe('checkKeyPrefix', () => {
  it.each(['millrace', 'a:b', 'ä'.repeat(64)])('takes %s', (prefix) => {
    expect(() => checkKeyPrefix(prefix)).not.toThrow();
  });

  it.each(['', '{a}', 'a}', 'a b', 'ä'.repeat(65)])('refuses "%s"', (prefix) => {
    expect(() => checkKeyPrefix(prefix)).toThrow(
      expect.objectContaining({ code: 'STATE_BAD_SETTINGS', kind: 'permanent' }),
    );
  });
});
