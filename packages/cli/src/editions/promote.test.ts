import type { CandidatesAnswer } from '@millrace/receiver';
import type { EditionList, ListedEdition, ListedPromotion } from '@millrace/store';
import { expect, test } from 'vitest';
import { promotionInForce } from './promote.ts';
import { isHidden } from './rule-sets.ts';

const DROPS = [{ name: 'r', match: '{}', edition: 41, drop: true as const }];
const FOLDS = [{ name: 'r', match: '{}', edition: 7 }];

function answer(rules: CandidatesAnswer['inForce']['rules'], candidate = 40): CandidatesAnswer {
  const inForce = { version: 60, applied: '', source: '', candidate, rules };
  return { inForce, candidates: [], candidatesMax: 2, partitions: 2 };
}

function list(promotions: Record<number, number | undefined>, ended = 0): EditionList {
  const versions = Object.keys(promotions).map(Number);
  const last = versions.length === 0 ? 7 : promotions[versions.at(-1)!];
  const known: ListedEdition = {
    ...{ edition: 7, rule: 'r', definition: '{}', widthsUs: [], aggregates: [] },
    ...{ candidate: undefined, createdAtUs: 0, isDropped: false, whole: [] },
    ...{ begun: 2, partitions: 2, ended },
    served: [{ fromUs: -Infinity, untilUs: last === 7 ? Infinity : 1000 }],
  };
  return {
    editions: [known],
    promotions: versions.map((version): ListedPromotion => {
      const rules = [{ rule: 'r', edition: promotions[version], fromUs: 1000 }];
      return { version, promotedAtUs: 0, rules };
    }),
    jobs: new Map(),
  };
}

test('rules that all drop are promoted by what shows nothing any more', () => {
  expect(promotionInForce(answer(DROPS), list({}))).toBeUndefined();
  expect(promotionInForce(answer(DROPS), list({ 50: undefined }))?.version).toBe(50);
  expect(promotionInForce(answer(DROPS), list({ 50: undefined, 55: 7 }))).toBeUndefined();
  expect(promotionInForce(answer(FOLDS), list({ 50: undefined, 55: 7 }))?.version).toBe(55);
  expect(promotionInForce(answer(FOLDS), list({ 50: 7, 55: undefined }))).toBeUndefined();
});

test('rules that all drop are hidden as long as something is shown that does not end', () => {
  expect(isHidden(answer(DROPS), list({}))).toBe(true);
  expect(isHidden(answer(DROPS), list({}, 2))).toBe(false);
  expect(isHidden(answer(DROPS), list({ 50: undefined }))).toBe(false);
  expect(isHidden(answer(FOLDS), list({ 50: undefined }))).toBe(true);
  expect(isHidden(answer(FOLDS), list({ 50: undefined, 55: 7 }))).toBe(false);
});
