import { parseRules } from '@millrace/rules';
import { systemClock } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { DEFAULT_FOLD_SETTINGS, encodeControlRecord, ControlRecordKind } from '@millrace/wire';
import { TOPIC_CONTROL, type Stream } from '@millrace/stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { applyRules } from './apply-rules.ts';
import { beginCandidate } from './candidates.ts';
import { openControl } from './open-control.ts';
import type { WantedRules } from './plan-rules.ts';
import { readHistory } from './read-history.ts';
import { retentionInForce } from './retention-in-force.ts';
import type { RulesHistory } from './rules-history.ts';

const clock = systemClock;
const DAY_MS = 86_400_000;

function wanted(keep: string): WantedRules {
  const [ofRule, tenants = ''] = keep.split('\n');
  const rule = `name: a, match: up, widths: [1m], aggregates: [sum]${ofRule}`;
  const source = `rules: [{ ${rule} }]\n${tenants}`;
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return { rules: parsed.compiled, settings: DEFAULT_FOLD_SETTINGS, foldVersion: 1, source };
}

const kept = (history: RulesHistory): (number | undefined)[] =>
  retentionInForce(history).map(({ rules }) => rules[0]?.kept.allMs);

describe('how long rows are kept', () => {
  let stream: Stream;
  beforeEach(async () => {
    stream = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
    await openControl({ stream, clock }, wanted(''));
  });

  it('changes with a version, and no rule gets another edition', async () => {
    const before = (await readHistory(stream)).newest!;
    const { plan, version } = await applyRules({ stream, clock }, wanted(', keep: 9d'));
    expect(plan).toMatchObject({
      isChanged: true,
      isRetentionChanged: true,
      changed: [],
      added: [],
    });
    expect(version.number).toBeGreaterThan(before.number);
    expect(version.rules).toEqual(before.rules);
    expect(kept(await readHistory(stream))).toEqual([9 * DAY_MS]);
    // The same time in other words.
    const again = await applyRules({ stream, clock }, wanted(', keep: 216h'));
    expect(again.plan.isChanged).toBe(false);
  });

  it('is also what candidates say, in their order', async () => {
    await applyRules({ stream, clock }, wanted(', keep: 9d'));
    await beginCandidate({ stream, clock }, { ...wanted(', keep: 3d'), sinceUs: 0 });
    expect(kept(await readHistory(stream))).toEqual([9 * DAY_MS, 3 * DAY_MS]);
  });

  it('is what was said last of a rule that was taken out of the file', async () => {
    await applyRules({ stream, clock }, wanted(', keep: 9d'));
    await applyRules({ stream, clock }, wanted(', keep: 800d'));
    const none = parseRules('');
    if (!none.ok) throw new Error('nothing is a file');
    await applyRules({ stream, clock }, { rules: none.compiled, source: '' });
    expect(kept(await readHistory(stream))).toEqual([800 * DAY_MS]);
    await applyRules({ stream, clock }, wanted(''));
    expect(kept(await readHistory(stream))).toEqual([undefined]);
  });

  it('is also what tenants said last of such a rule', async () => {
    const tenants = '\ntenants: [{ name: acme, keep: { raw: 2d, rules: { a: 900d } } }]';
    await applyRules({ stream, clock }, wanted(tenants));
    const none = 'tenants: [{ name: acme, keep: { raw: 3d } }]';
    const parsed = parseRules(none);
    if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
    await applyRules({ stream, clock }, { rules: parsed.compiled, source: none });
    const [words] = retentionInForce(await readHistory(stream));
    const a = { rule: 'a', kept: { allMs: 900 * DAY_MS, byWidth: [] } };
    expect(words!.tenants).toEqual([{ tenant: 'acme', rawMs: 3 * DAY_MS, rules: [a] }]);
  });

  it('is not known before there is a log, nor out of a file of another release', async () => {
    const empty = openMemoryStream(new MemoryLog({ partitions: 2, clock }));
    const none = await readHistory(empty);
    expect(() => retentionInForce(none)).toThrow(
      expect.objectContaining({ code: 'CONTROL_NOT_BEGUN' }),
    );
    const { newest } = await readHistory(stream);
    const { rules, settings, foldVersion, appliedAtUs, number } = newest!;
    await stream.producer().append(
      TOPIC_CONTROL,
      0,
      encodeControlRecord({
        kind: ControlRecordKind.rules,
        ...{ after: number, settings, foldVersion, appliedAtUs, candidates: [] },
        editions: rules.rules.map(({ edition }) => edition),
        source: 'rules: []\nof_later_times: true',
      }),
    );
    const later = await readHistory(stream);
    expect(() => retentionInForce(later)).toThrow(
      expect.objectContaining({ code: 'CONTROL_RETENTION', kind: 'permanent' }),
    );
  });
});
