import { describe, expect, it } from 'vitest';
import { STATE_CODES, StateError } from '../state-error.ts';
import { LMDB_ERRORS, lmdbError } from './lmdb-errors.ts';

const native = (code: number | string): Error => Object.assign(new Error('told so'), { code });
const translate = (error: unknown, noRoom = false): StateError =>
  lmdbError({ error, where: 'dir, partition 3', doing: 'Committing', noRoom });

describe('lmdbError', () => {
  it.each(Object.entries(LMDB_ERRORS))('translates %s by its own row', (code, { native: name }) => {
    const error = translate(native(Number(code)));
    expect(error).toBeInstanceOf(StateError);
    expect(error.code).toBe(LMDB_ERRORS[Number(code)]?.code);
    expect(error.message).toContain(`Committing the state in dir, partition 3 failed (${name}`);
    expect(error.remedy).toBeTruthy();
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('knows the names that the file system gives to the same codes', () => {
    for (const row of Object.values(LMDB_ERRORS)) {
      expect(translate(native(row.native)).code).toBe(row.code);
    }
  });

  it('never tries again what cannot get better', () => {
    expect(translate(native(-30796)).kind).toBe('permanent');
    expect(translate(native(13)).kind).toBe('permanent');
    expect(translate(native(28)).kind).toBe('transient');
    expect(translate(native(-30795)).kind).toBe('defect');
  });

  it('calls a failed write on a full disk full, whatever LMDB calls it', () => {
    expect(translate(native(5), true).code).toBe(STATE_CODES.full);
    expect(translate(native(5), false).code).toBe(STATE_CODES.io);
    expect(translate(native(-30796), true).code).toBe(STATE_CODES.corrupt);
  });

  it('takes what it does not know as an error of the device, to be tried again', () => {
    for (const unknown of [native(9999), new Error('odd'), 'text', undefined]) {
      const error = translate(unknown);
      expect([error.code, error.kind]).toEqual([STATE_CODES.io, 'transient']);
    }
  });

  it('leaves errors of ours as they are', () => {
    const ours = translate(native(28));
    expect(translate(ours)).toBe(ours);
  });
});
