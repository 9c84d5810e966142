import { applyRules, readHistory, VERSIONS_MAX } from '@millrace/control';
import { parseRules } from '@millrace/rules';
import { silentLog, systemClock } from '@millrace/runtime';
import { MemoryLog, openMemoryStream } from '@millrace/stream/memory';
import { expect, it } from 'vitest';
import { beginLog } from './begin-log.ts';
import type { RuleFileContent } from './running/rule-file.ts';

function fileOf(seconds: number): RuleFileContent {
  const source = `rules:\n  - {name: a, match: a, widths: [${seconds}s], aggregates: [sum]}\n`;
  const parsed = parseRules(source);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return { file: 'rules.yaml', rules: parsed.compiled, source };
}

it('starts with the rules in force when they were changed too often', async () => {
  const stream = openMemoryStream(new MemoryLog({ partitions: 2, clock: systemClock }));
  const told: string[] = [];
  const log = { ...silentLog, warn: (_: unknown, message: string) => void told.push(message) };
  const parts = { stream, clock: systemClock, log };
  const logIds = await beginLog(parts, fileOf(1));
  for (let i = 2; i <= VERSIONS_MAX; i += 1) await applyRules(parts, fileOf(i));
  const one = fileOf(VERSIONS_MAX + 1);
  await expect(beginLog(parts, one)).rejects.toMatchObject({ code: 'RULES_TOO_OFTEN' });
  expect(await beginLog(parts, one, { startsAnyway: true })).toEqual(logIds);
  expect(told).toEqual(['The rules of the file are not in force; those of before stay.']);
  expect((await readHistory(stream)).versions).toHaveLength(VERSIONS_MAX);
});
