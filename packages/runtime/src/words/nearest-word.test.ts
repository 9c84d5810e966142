import { expect, test } from 'vitest';
import { nearestWord } from './nearest-word.ts';

test.each([
  ['keepRaw', 'keep_raw'],
  ['kepe_raw', 'keep_raw'],
  ['width', 'widths'],
  ['mtach', 'match'],
  ['nmae', 'name'],
  ['WIDHTS', 'widths'],
  ['b', undefined],
  ['selector', undefined],
])('the word nearest to %s is %s', (word, nearest) => {
  expect(nearestWord(word, ['name', 'match', 'by', 'widths', 'keep_raw'])).toBe(nearest);
});
