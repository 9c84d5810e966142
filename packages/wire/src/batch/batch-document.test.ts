import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeBatch } from './decode-batch.ts';
import { describeBatch } from './testing/describe-batch.ts';

const DOCUMENT = new URL('../../batch.md', import.meta.url);

it('the bytes that the document draws are what it says they are', () => {
  const drawn = readFileSync(DOCUMENT, 'utf8').split('```')[1] ?? '';
  const hex = drawn.split('\n').map((line) => line.replace(/#.*/, '').replaceAll(/\s/g, ''));
  const batch = decodeBatch(Uint8Array.from(Buffer.from(hex.join(''), 'hex')));
  expect(describeBatch(batch)).toEqual({
    producer: 'p',
    session: '0102030405060708',
    sequence: 1,
    first: 0,
    table: ['a', 'b'].map((job) => ({
      kind: 0,
      labels: [
        ['__name__', 'up'],
        ['job', job],
      ],
    })),
    samples: [
      { series: 0, timeUs: 1_700_000_000_000_000n, value: 1 },
      { series: 1, timeUs: 1_700_000_000_000_000n, value: 0 },
    ],
  });
});
