import { errorKind, MillraceError } from '@millrace/runtime';
import { describe, expect, test } from 'vitest';
import { DecodeError } from './decode-error.ts';
import { REJECT_REASONS, type RejectReason } from './reject-reasons.ts';

describe.each(Object.entries(REJECT_REASONS))('%s', (reason, entry) => {
  test('has a stable id, a client error and a remedy in whole sentences', () => {
    expect(reason).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/);
    expect([400, 409, 413, 415, 422]).toContain(entry.status);
    expect(entry.title).toMatch(/^[A-Z].*[^.]$/);
    expect(entry.remedy).toMatch(/^[A-Z].*\.$/);
    expect(entry.retryable).toBe(false);
  });

  test('refuses a whole request with what happened and what to do', () => {
    const error = new DecodeError(reason as RejectReason, 'it broke at byte 3');
    expect(error).toBeInstanceOf(MillraceError);
    expect(errorKind(error)).toBe('permanent');
    expect(error).toMatchObject({
      reason,
      detail: 'it broke at byte 3',
      code: `REFUSED_${reason.toUpperCase()}`,
      remedy: entry.remedy,
      message: `${entry.title}: it broke at byte 3. Nothing of the request was kept.`,
    });
  });
});
