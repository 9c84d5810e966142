import { expect, test } from 'vitest';
import { hasColours } from './console-output.ts';

const stream = { write: () => true };
const terminal = { ...stream, isTTY: true };

test.each([
  [terminal, {}, true],
  [stream, {}, false],
  [terminal, { NO_COLOR: '1' }, false],
  [terminal, { NO_COLOR: '' }, true],
  [stream, { FORCE_COLOR: '1' }, true],
  [terminal, { FORCE_COLOR: '0' }, false],
  [terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  [terminal, { TERM: 'dumb' }, false],
])('colours of %o with %o: %s', (to, environment, expected) => {
  expect(hasColours(to, environment)).toBe(expected);
});
