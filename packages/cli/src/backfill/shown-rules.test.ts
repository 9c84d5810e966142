import type { ListedEdition } from '@millrace/store';
import { expect, it } from 'vitest';
import { rulesShownFrom } from './shown-rules.ts';

function edition(changes: Partial<ListedEdition>): ListedEdition {
  return {
    ...{ edition: 1, rule: 'rollup', definition: '{}', widthsUs: [60e6], aggregates: [] },
    ...{ candidate: undefined, createdAtUs: 0, isDropped: false, begun: 4, partitions: 4 },
    ...{ ended: 0, served: [{ fromUs: -Infinity, untilUs: Infinity }], whole: [] },
    ...changes,
  };
}

it('are those whose edition of now is shown only from some time on', () => {
  const before = edition({ ended: 4, served: [{ fromUs: -Infinity, untilUs: 50 }] });
  const now = edition({ edition: 2, served: [{ fromUs: 50, untilUs: Infinity }] });
  const late = edition({ edition: 3, rule: 'late', served: [{ fromUs: 70, untilUs: Infinity }] });
  const other = edition({ edition: 4, rule: 'other' });
  const all = [before, now, late, other];
  expect(rulesShownFrom(all, 60)).toEqual([{ rule: 'late', fromUs: 70 }]);
  expect(rulesShownFrom(all, 20)).toEqual([
    { rule: 'rollup', fromUs: 50 },
    { rule: 'late', fromUs: 70 },
  ]);
  // Both are folded until the one of before has ended.
  expect(rulesShownFrom([edition({ ...before, ended: 0 }), now], 20)).toEqual([]);
  expect(rulesShownFrom([edition({ served: [] })], 20)).toEqual([]);
});
