import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import { entryTexts, runFold, STATE_VERSION } from '@millrace/transformer/testing';
import { describe, expect, it } from 'vitest';
import { GOLDEN, goldenLog, linesOf, pathOf } from './golden-files.ts';

/*
 * States as earlier programs committed them, in the middle of each golden log. Files are only ever
 * added: every later program loads them and goes on as if it had folded the log itself.
 * UPDATE_GOLDEN=1 writes those of the version that this program writes, when they are missing.
 *
 *   STATE.pages.txt  for each page: its key as JSON, its bytes deflated in base64
 */
const STATE_VERSIONS = [1, 2, 3];

const STATES = STATE_VERSIONS.flatMap((version) =>
  GOLDEN.filter(({ stateVersion = 1 }) => stateVersion <= version).map(({ name, record }) => ({
    file: `state-v${version}-${name.replace(/^fold-(?:v1-)?/, '')}.pages.txt`,
    version,
    name,
    record,
  })),
);

it('there are states of the version that is written now', () => {
  expect(STATE_VERSIONS.at(-1)).toBe(STATE_VERSION);
});

describe.each(STATES)('the state $file', ({ file, version, name, record }) => {
  it('is loaded, and goes on as the log itself does', () => {
    const log = goldenLog(name, record);
    const half = Math.floor(log.length / 2);
    if (version === STATE_VERSION) writeMissing(file, () => savedAfter(log.slice(0, half), half));
    const { entries } = runFold(log.slice(half), { from: readPages(file) });
    // Those of the whole log are what they always were: see golden-logs.test.ts.
    const whole = runFold(log).entries;
    const rest = whole.filter(({ address }) => address.offset >= half);
    expect(rest.length).toBeGreaterThan(100);
    expect(linesOf(entries)).toEqual(linesOf(rest));
    expect(entryTexts(entries)).toEqual(entryTexts(rest));
  });
});

function savedAfter(
  log: Parameters<typeof runFold>[0],
  half: number,
): ReadonlyMap<string, Uint8Array> {
  // Saved several times, as commits are: pages are of different ages.
  const restartAfter = (offset: number): boolean => offset % 5 === 0 || offset === half - 1;
  return runFold(log, { restartAfter }).saved;
}

function writeMissing(file: string, pages: () => ReadonlyMap<string, Uint8Array>): void {
  if (existsSync(pathOf(file)) || process.env['UPDATE_GOLDEN'] !== '1') return;
  const lines = [...pages()].map(([key, page]) => {
    return `${JSON.stringify(key)} ${deflateSync(page, { level: 9 }).toString('base64')}\n`;
  });
  writeFileSync(pathOf(file), lines.join(''));
}

function readPages(file: string): Map<string, Uint8Array> {
  const lines = readFileSync(pathOf(file), 'utf8').trimEnd().split('\n');
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      const bytes = inflateSync(Buffer.from(line.slice(at + 1), 'base64'));
      return [JSON.parse(line.slice(0, at)) as string, new Uint8Array(bytes)];
    }),
  );
}
