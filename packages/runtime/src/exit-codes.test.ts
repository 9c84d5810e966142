import { expect, test } from 'vitest';
import { MillraceError, type ErrorKind } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';

const error = (code: string, kind: ErrorKind) => new MillraceError({ code, kind, message: '' });

test('the kind and the code decide the exit code', () => {
  expect(exitCodeOf(error('SETTING_INVALID', 'permanent'))).toBe(78);
  expect(exitCodeOf(error('CONFIG_NOT_FOUND', 'permanent'))).toBe(78);
  expect(exitCodeOf(error('RULES_BAD_NAME', 'permanent'))).toBe(78);
  expect(exitCodeOf(error('RECEIVER_SETTINGS', 'permanent'))).toBe(78);
  expect(exitCodeOf(error('ARCHIVE_ADDRESS', 'permanent'))).toBe(78);
  expect(exitCodeOf(error('RULES_OUTRUN', 'transient'))).toBe(1);
  expect(exitCodeOf(error('DATA_DIR_IN_USE', 'permanent'))).toBe(1);
  expect(exitCodeOf(error('STOPPED', 'aborted'))).toBe(130);
  expect(exitCodeOf(new TypeError('x is not a function'))).toBe(1);
  expect(exitCodeOf('thrown text')).toBe(1);
});
