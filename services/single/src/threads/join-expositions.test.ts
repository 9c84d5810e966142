import { expect, test } from 'vitest';
import { joinExpositions } from './join-expositions.ts';

test('samples of one name stand together, and what they are about is said once', () => {
  const about = '# HELP a_total How many.\n# TYPE a_total counter\n';
  const first = `${about}a_total{partition="0"} 1\n# HELP b B.\n# TYPE b gauge\nb 2\n\n`;
  const second = `${about}a_total{partition="1"} 3\n`;
  expect(joinExpositions([first, second])).toBe(
    `${about}a_total{partition="0"} 1\na_total{partition="1"} 3\n` +
      '# HELP b B.\n# TYPE b gauge\nb 2\n',
  );
  expect(joinExpositions(['', ''])).toBe('');
  expect(joinExpositions([first])).toBe(first.trimEnd() + '\n');
});
