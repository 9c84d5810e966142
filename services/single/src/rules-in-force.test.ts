import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCodeOf, exitCodes } from '@millrace/runtime';
import { compileRules, rulesDigest } from '@millrace/rules';
import { TOPIC_EVENTS } from '@millrace/stream';
import {
  chooseDataDirectory,
  makeDataDirectory,
  type DataDirectory,
} from './running/data-directory.ts';
import { readRuleFile, RuleFileError } from './running/rule-file.ts';
import { chooseRules, recordRules } from './rules-in-force.ts';

let directory: DataDirectory;
let config: string;

beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-single-'));
  directory = chooseDataDirectory({ dataDir, uid: 1, cwd: '/' });
  await makeDataDirectory(directory);
  config = join(directory.path, 'rules-file.yaml');
});
afterEach(async () => await rm(directory.path, { recursive: true }));

function ruleFile(name: string): string {
  return `rules:
  - name: ${name}
    match: requests_total
    by: [job]
    widths: [1m]
    aggregates: [increase]
`;
}

/** What a first start does. */
async function startFirst(): Promise<void> {
  const rules = await chooseRules(directory, await readRuleFile({ config, cwd: '/' }));
  expect(rules.isFirstStart).toBe(true);
  await recordRules(directory, rules);
  await mkdir(join(directory.log, TOPIC_EVENTS), { recursive: true });
}

test('without a file the roll-ups are in force, and nothing is missed', async () => {
  const wanted = await readRuleFile({ config: undefined, cwd: directory.path });
  expect(wanted).toBeUndefined();
  const { rules, digest, isFirstStart } = await chooseRules(directory, wanted);
  expect(isFirstStart).toBe(true);
  expect(digest).toBe(rulesDigest(compileRules(undefined)));
  expect(rules).toEqual(compileRules(undefined));
});

test('the rules of the first start stay in force, with the same file or without', async () => {
  await writeFile(config, ruleFile('requests'));
  await startFirst();
  const same = await chooseRules(directory, await readRuleFile({ config, cwd: '/' }));
  expect(same.isFirstStart).toBe(false);
  expect(same.rules.rules.map(({ name }) => name)).toContain('requests');
  expect(await chooseRules(directory, undefined)).toEqual(same);
});

test('other rules for a log that has some are refused as configuration', async () => {
  await writeFile(config, ruleFile('requests'));
  await startFirst();
  await writeFile(config, ruleFile('others'));
  const wanted = await readRuleFile({ config, cwd: '/' });
  const refused = await chooseRules(directory, wanted).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'CONFIG_RULES_CHANGED' });
  expect(exitCodeOf(refused)).toBe(exitCodes.configuration);
});

test('a first start that made no log binds nobody', async () => {
  await writeFile(config, ruleFile('requests'));
  const rules = await chooseRules(directory, await readRuleFile({ config, cwd: '/' }));
  await recordRules(directory, rules);
  await writeFile(config, ruleFile('others'));
  const again = await chooseRules(directory, await readRuleFile({ config, cwd: '/' }));
  expect(again.isFirstStart).toBe(true);
});

test('a damaged record is refused, never replaced', async () => {
  await writeFile(config, ruleFile('requests'));
  await startFirst();
  const text = await readFile(directory.rulesFile, 'utf8');
  await writeFile(directory.rulesFile, text.replaceAll('requests_total', 'something_else'));
  await expect(chooseRules(directory, undefined)).rejects.toMatchObject({
    code: 'CONFIG_RULES_RECORD',
  });
});

test('faults of a file are told with line and column', async () => {
  await writeFile(config, 'rules:\n  - nam: requests\n');
  const error = await readRuleFile({ config, cwd: '/' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RuleFileError);
  expect((error as RuleFileError).message).toContain(`${config}:2:5: RULES_UNKNOWN_KEY`);
});

test('a file that was asked for has to be there', async () => {
  await expect(readRuleFile({ config, cwd: '/' })).rejects.toMatchObject({ code: 'CONFIG_FILE' });
});
