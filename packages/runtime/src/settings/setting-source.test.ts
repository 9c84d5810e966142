import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { optionalText, requiredText, text } from './setting-kinds.ts';
import { readSetting, readSettings } from './settings.ts';

const definition = {
  store: { url: requiredText({ aliases: ['DATABASE_URL'], help: 'The store.', secret: true }) },
  password: { ...optionalText({ help: '' }), secret: true },
  host: text({ default: 'here', help: '' }),
};
const read = (environment: Record<string, string>) => readSettings(definition, environment);

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-secrets-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function secret(name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

test('a secret may be in a file, whose last newline does not count', () => {
  const { settings, effective } = read({
    DATABASE_URL_FILE: secret('url', 'postgres://u:p@h/d\n'),
    MILLRACE_PASSWORD_FILE: secret('password', ' two words \n\r\n'),
  });
  expect(settings.store.url).toBe('postgres://u:p@h/d');
  expect(settings.password).toBe(' two words \n');
  expect(effective.map(({ variable, value, source }) => [variable, value, source])).toEqual([
    ['DATABASE_URL_FILE', '(hidden)', 'file'],
    ['MILLRACE_PASSWORD_FILE', '(hidden)', 'file'],
    ['MILLRACE_HOST', 'here', 'default'],
  ]);
});

test('our own variable counts before an alias, in a file or not; an empty one is none', () => {
  const file = secret('ours', 'ours');
  const both = { DATABASE_URL: 'alias', MILLRACE_STORE__URL_FILE: file };
  expect(read(both).settings.store.url).toBe('ours');
  const empty = { DATABASE_URL: '', DATABASE_URL_FILE: file };
  expect(read(empty).settings.store.url).toBe('ours');
  expect(read({ DATABASE_URL: 'x', DATABASE_URL_FILE: '' }).settings.store.url).toBe('x');
});

test('a value and a file for it at once are refused, and none of them is shown', () => {
  const both = { DATABASE_URL: 'hush', DATABASE_URL_FILE: secret('both', 'hush') };
  const refused = { code: 'SETTING_INVALID', kind: 'permanent' };
  expect(() => read(both)).toThrow(expect.objectContaining(refused));
  expect(() => read(both)).toThrow(/DATABASE_URL and DATABASE_URL_FILE are both set/);
  expect(() => read(both)).not.toThrow(/hush/);
});

test.each([
  ['missing', undefined, 'cannot be read (ENOENT)'],
  ['empty', '\n', 'is empty'],
  ['huge', 'x'.repeat(70_000), 'has more than 65536 bytes'],
])('a %s file is told by its name', (name, content, problem) => {
  const file = content === undefined ? join(directory, name) : secret(name, content);
  expect(() => read({ DATABASE_URL_FILE: file })).toThrow(`DATABASE_URL_FILE: ${file} ${problem}.`);
});

test('only of secrets: any other variable with _FILE is a mistake', () => {
  const environment = { DATABASE_URL: 'x', MILLRACE_HOST_FILE: secret('host', 'there') };
  expect(() => read(environment)).toThrow('MILLRACE_HOST_FILE is not a setting');
});

test('who lacks a required secret is told of both ways', () => {
  expect(() => read({})).toThrow(
    'DATABASE_URL or MILLRACE_STORE__URL is not set, nor with _FILE the name of a file',
  );
});

test('what commands read in the same shell is no mistake', () => {
  const environment = { DATABASE_URL: 'x', MILLRACE_URL: 'http://127.0.0.1:9480' };
  expect(read(environment).settings.host).toBe('here');
});

test('a setting can be read by itself', () => {
  const { url } = definition.store;
  const environment = { MILLRACE_NOBODY_KNOWS: '1', DATABASE_URL_FILE: secret('one', 'x\n') };
  expect(readSetting(['store', 'url'], url, environment)).toBe('x');
  expect(() => readSetting(['store', 'url'], url, {})).toThrow('is not set');
});
