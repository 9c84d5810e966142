import { expect, test } from 'vitest';
import { translateAppendError, translateFileError } from './segment-errors.ts';
import { STREAM_CODES, StreamError } from '../stream-error.ts';

test('every code is its own, and carries its kind', () => {
  const codes = Object.values(STREAM_CODES);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) {
    const error = new StreamError({ code, message: 'What happened.', remedy: 'What to do.' });
    expect(error.code).toBe(code);
    expect(['transient', 'permanent', 'defect']).toContain(error.kind);
  }
});

const params = { where: 'metrics.events/0', doing: 'write', effect: 'Nothing was lost.' };
const native = (code: string): Error => Object.assign(new Error(`${code}: by the test`), { code });

test('errors of the operating system are told by code, kind, place, effect and remedy', () => {
  const table = [
    ['ENOSPC', STREAM_CODES.full, 'transient'],
    ['EIO', STREAM_CODES.broken, 'transient'],
    ['EMFILE', STREAM_CODES.broken, 'transient'],
    ['EROFS', STREAM_CODES.forbidden, 'permanent'],
    ['ENOENT', STREAM_CODES.corrupt, 'permanent'],
    ['EWHATEVER', STREAM_CODES.broken, 'transient'],
  ] as const;
  for (const [errno, code, kind] of table) {
    const cause = native(errno);
    const error = translateFileError(cause, params);
    expect(error).toMatchObject({ code, kind, cause });
    expect(error.message).toBe(
      `metrics.events/0: could not write (${errno}: by the test). Nothing was lost.`,
    );
    expect(error.remedy?.length).toBeGreaterThan(20);
    expect(translateFileError(error, params)).toBe(error);
  }
});

test('an append only ever fails transiently: the sender must send again', () => {
  for (const errno of ['EIO', 'EROFS', 'ENOENT', 'EWHATEVER']) {
    const error = translateAppendError(native(errno), params);
    expect(error).toMatchObject({ code: STREAM_CODES.broken, kind: 'transient' });
  }
  expect(translateAppendError(native('EDQUOT'), params).code).toBe(STREAM_CODES.full);
  const corrupt = translateFileError(native('ENOENT'), params);
  expect(translateAppendError(corrupt, params).kind).toBe('transient');
});
